//! The list of files that came from user data. In: the file that holds it. Out: their paths, so
//! that those which are no longer wanted can go, and no other.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use crate::problem::Problems;

use super::path::FilePath;

/// Its name in the gateway's directory.
pub(super) const MANIFEST: &str = ".provisioned";
const HEAD: &str = "# The files here that countersign provision looks after. It takes away what user data no longer has.\n";
/// Far more than user data can name.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads the list; one that is not there is empty.
///
/// # Errors
/// It cannot be read, or somebody else has written it.
pub(super) fn read(file: &Path) -> Result<BTreeSet<FilePath>, Problems> {
    let fail = |why: &str| Problems::with_file(file, why);
    let open = match std::fs::File::open(file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(e) => return Err(fail(&format!("cannot be read: {e}"))),
        Ok(open) => open,
    };
    let mut text = String::new();
    let read = open.take(MAX_BYTES).read_to_string(&mut text);
    read.map_err(|e| fail(&format!("cannot be read: {e}")))?;
    let paths = text.lines().filter(|line| !line.starts_with('#'));
    let paths = paths.map(|line| FilePath::parse(line).map_err(|why| (line, why)));
    paths.collect::<Result<_, _>>().map_err(|(line, why)| {
        fail(&format!(
            "holds {line:?}, which {why}; take the file away: then nothing of before is"
        ))
    })
}

/// The list as it is written.
pub(super) fn text<'a>(paths: impl Iterator<Item = &'a FilePath>) -> String {
    let lines = paths.map(|path| format!("{path}\n"));
    std::iter::once(HEAD.to_owned()).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written_and_leads_nowhere_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join(MANIFEST);
        assert_eq!(read(&file), Ok(BTreeSet::new()));
        let paths = ["a", "b/c"].map(|text| FilePath::parse(text).expect("a path"));
        std::fs::write(&file, text(paths.iter())).expect("it is written");
        assert_eq!(read(&file), Ok(paths.into_iter().collect()));
        std::fs::write(&file, "a\n../../passwd\n").expect("it is written");
        let said = read(&file).expect_err("a stranger's").to_string();
        assert!(said.contains("passwd\", which has \"..\""), "{said}");
    }
}
