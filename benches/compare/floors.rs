//! Imports run one way: no module of the comparison reaches itself by way of another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_module_reaches_itself_by_way_of_another() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("compare");
    let mut all = Imports::new();
    for entry in fs::read_dir(home).expect("the sources").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let module = name.trim_end_matches(".rs").to_owned();
        // The door knows everybody, and this one nobody.
        if module != "main" && module != "floors" {
            read(&entry.path(), &module, &mut all);
        }
    }
    assert!(
        all["aws"].contains("rounds"),
        "imports are not found: {all:?}"
    );
    for module in all.keys() {
        let mut way = vec![module.as_str()];
        assert!(!comes_back(&all, &mut way), "{}", way.join(" → "));
    }
}

/// What a module imports, but for its tests, which may start anything.
fn read(path: &Path, module: &str, all: &mut Imports) {
    if path.file_stem().is_some_and(|name| name == "tests") {
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory").flatten() {
            read(&entry.path(), module, all);
        }
        return;
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    let own = all.entry(module.to_owned()).or_default();
    for rest in text.split("crate::").skip(1) {
        let (group, one) = match rest.strip_prefix('{') {
            Some(group) => (group.split('}').next().unwrap_or_default(), ""),
            None => ("", rest),
        };
        for part in group.split(',').chain([one]) {
            let is_name = |c: &char| c.is_ascii_lowercase() || *c == '_';
            let name: String = part.trim().chars().take_while(is_name).collect();
            own.insert(name);
        }
    }
    own.remove("");
    own.remove(module);
}

/// Goes on from the end of the way, and leaves there the one that comes back to its beginning.
fn comes_back<'a>(all: &'a Imports, way: &mut Vec<&'a str>) -> bool {
    let next = way.last().and_then(|last| all.get(*last));
    for module in next.into_iter().flatten() {
        let is_back = module == way[0];
        if !is_back && way.contains(&module.as_str()) {
            continue;
        }
        way.push(module);
        if is_back || comes_back(all, way) {
            return true;
        }
        way.pop();
    }
    false
}
