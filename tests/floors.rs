//! The floors of the house: a module imports only from lower floors, neighbours on a floor do
//! not know each other, and Pingora stays in its rooms.

use std::fs;
use std::path::{Path, PathBuf};

const FLOORS: &[(&str, u8)] = &[
    ("cli", 10),
    ("server", 9),
    ("flow", 8),
    ("snapshot", 7),
    ("integration", 6),
    ("limit", 5),
    ("tls", 5),
    ("authorize", 4),
    ("trust", 4),
    ("acme", 3),
    ("credential_source", 3),
    ("identity", 3),
    ("lambda", 3),
    ("provision", 3),
    ("replay", 3),
    ("response", 3),
    ("route", 3),
    ("signature", 3),
    ("telemetry", 3),
    ("aws", 2),
    ("call", 2),
    ("config", 2),
    ("credential", 2),
    ("proxy_protocol", 2),
    ("refusal", 2),
    ("revocation", 2),
    ("bundle", 1),
    ("clock", 1),
    ("crl_source", 1),
    ("digest", 1),
    ("distrust", 1),
    ("document", 1),
    ("field_name", 1),
    ("key", 1),
    ("method", 1),
    ("names", 1),
    ("pattern", 1),
    ("private_file", 1),
    ("problem", 1),
    ("shape", 1),
    ("spiffe", 1),
];

/// Floor 1 is small enough to be one room: words may use words.
const SHARED_FLOOR: u8 = 1;

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => walk(&path, found),
                false => found.push(path),
            }
        }
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&source, &mut files);
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).expect("a text");
        (
            file.strip_prefix(&source).expect("a source").to_owned(),
            text,
        )
    };
    files.into_iter().map(read).collect()
}

fn module_of(file: &Path) -> String {
    let first = file.components().next().expect("a component").as_os_str();
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn floor_of(module: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, floor)| *floor)
}

/// What a file imports from the crate, its tests left out.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.collect::<Vec<_>>().join("\n");
    let parts = code.split("crate::").skip(1);
    let word = |part: &str| {
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '_');
        part[..end.unwrap_or(part.len())].to_owned()
    };
    parts.map(word).filter(|word| !word.is_empty()).collect()
}

#[test]
fn every_module_has_a_floor() {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    let library = library.expect("lib.rs");
    let declared = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let declared: Vec<&str> = declared.collect();
    assert_eq!(declared.len(), FLOORS.len());
    for module in declared {
        assert!(floor_of(module).is_some(), "{module} has no floor");
    }
}

#[test]
fn imports_run_down_the_house() {
    let mut checked = 0;
    for (file, text) in sources() {
        let module = module_of(&file);
        let Some(floor) = floor_of(&module) else {
            continue;
        };
        for imported in imports(&text) {
            let Some(below) = floor_of(&imported) else {
                panic!(
                    "{}: imports crate::{imported}, which has no floor",
                    file.display()
                );
            };
            checked += 1;
            let fine = imported == module
                || below < floor
                || (floor == SHARED_FLOOR && below == SHARED_FLOOR);
            assert!(
                fine,
                "{}: floor {floor} imports crate::{imported} of floor {below}",
                file.display()
            );
        }
    }
    assert!(checked > 100, "only {checked} imports were seen");
}

#[test]
fn pingora_stays_in_its_rooms() {
    let mut rooms = 0;
    for (file, text) in sources() {
        let name = file.to_string_lossy();
        let at_home = name.starts_with("server/")
            || name == "integration/http_proxy.rs"
            || name == "response.rs";
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let named = code
            .iter()
            .any(|line| line.contains("pingora_") && !line.contains("pingora_proxy=off"));
        rooms += usize::from(named);
        assert!(at_home || !named, "{name} knows Pingora");
    }
    assert!(rooms > 3);
}

#[test]
fn files_stay_small() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 600, "{}: {lines} lines", file.display());
    }
}
