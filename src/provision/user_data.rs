//! What an instance's user data says. In: its bytes, which whoever launches the instance wrote.
//! Out: valid `UserData`, or every `Problem` with it, by line.

use std::path::Path;

use crate::document::{Document, Table, alternatives};
use crate::problem::Problems;

use super::path::FilePath;
use super::signal::Signal;
use super::source::Source;

/// Which files the gateway's directory has, and whom to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserData {
    /// The files, each path once, none within another.
    pub files: Vec<Wanted>,
    /// Whom to tell that the gateway is ready.
    pub signal: Option<Signal>,
}

/// A file that user data asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where it goes.
    pub path: FilePath,
    /// Where its contents come from.
    pub source: Source,
    /// Whether nobody but the gateway may read it.
    pub is_secret: bool,
    /// The line that asks for it.
    pub line: usize,
}

/// As much as EC2 takes, in bytes.
pub const MAX_USER_DATA: usize = 16 * 1024;
const SOURCES: [&str; 4] = ["ssm", "secrets_manager", "s3", "text"];
/// Longer than the names of groups (255) and hooks (255).
const MAX_NAME: usize = 255;

impl UserData {
    /// Reads `bytes`, which stand in what is called `name`.
    ///
    /// # Errors
    /// Every mistake, with its line and cure.
    pub fn parse(name: &Path, bytes: &[u8]) -> Result<Self, Problems> {
        if bytes.len() > MAX_USER_DATA {
            return Err(Problems::with_file(
                name,
                "is longer than 16 KiB; shorten it",
            ));
        }
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|_| Problems::with_file(name, "is no UTF-8; write TOML"))?;
        let document = Document::new(name, text);
        let mut root = document.root()?;
        let mut files = Vec::new();
        for table in root.tables("file") {
            files.extend(read_file(table, &files));
        }
        let signal = root.table("signal").and_then(read_signal);
        root.finish();
        document.or_ok(Self { files, signal })
    }
}

fn read_file(mut table: Table<'_>, before: &[Wanted]) -> Option<Wanted> {
    let line = table.line();
    table.need(
        "path",
        "write where it goes, such as path = \"gateway.toml\"",
    );
    let path = read_path(&mut table, before);
    if let Some(path) = &path {
        table.call(format!("file \"{path}\""));
    }
    let is_secret = table.boolean("secret").unwrap_or(false);
    let source = read_source(&mut table, is_secret);
    table.finish();
    Some(Wanted {
        path: path?,
        source: source?,
        is_secret,
        line,
    })
}

/// The path, unless it is another file's, or one of two would have to be a directory.
fn read_path(table: &mut Table<'_>, before: &[Wanted]) -> Option<FilePath> {
    let found = table.text("path")?;
    let note = |why: String| {
        table.document().note(found.line, why);
        None
    };
    let path = match FilePath::parse(&found.value) {
        Ok(path) => path,
        Err(why) => return note(format!("path {:?} {why}", found.value)),
    };
    for Wanted { path: other, .. } in before {
        if path == *other {
            return note(format!("path \"{path}\" stands here twice; take one out"));
        }
        if path.holds(other) || other.holds(&path) {
            return note(format!(
                "paths \"{other}\" and \"{path}\" cannot both be: one is a directory in the other; rename one"
            ));
        }
    }
    Some(path)
}

fn read_source(table: &mut Table<'_>, is_secret: bool) -> Option<Source> {
    let named = SOURCES.into_iter().filter(|key| table.has(key));
    let named: Vec<&'static str> = named.collect();
    let key = match named[..] {
        [key] => key,
        _ => {
            let (line, label) = (table.line(), table.label().to_owned());
            // Asked for by name, so that a slip of the pen is told what it is near to.
            for key in SOURCES {
                table.leave_out(key);
            }
            let all = alternatives(SOURCES);
            let text = format!("{label} must have exactly one of {all}");
            table.document().note(line, text);
            return None;
        }
    };
    let line = table.line_of(key);
    let label = table.label().to_owned();
    let read = match key {
        "text" => read_text(table.any_text(key)?.value, is_secret),
        "s3" => Source::s3(&table.text(key)?.value),
        "ssm" => Source::name(table.text(key)?.value).map(Source::Ssm),
        _ => Source::name(table.text(key)?.value).map(Source::SecretsManager),
    };
    read.map_err(|why| {
        let text = format!("\"{key}\" in {label} {why}");
        table.document().note(line, text);
    })
    .ok()
}

/// User data can be read by whoever may describe the instance, and by every program on it.
fn read_text(text: String, is_secret: bool) -> Result<Source, &'static str> {
    match is_secret || holds_private_key(text.as_bytes()) {
        true => Err("would be a secret in user data, which is none; keep it in Secrets Manager"),
        false => Ok(Source::Text(text)),
    }
}

/// Whether the bytes look like PEM of a private key.
pub(super) fn holds_private_key(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"PRIVATE KEY-----").is_some()
}

fn read_signal(mut table: Table<'_>) -> Option<Signal> {
    const CURE: &str = "name both the group and its launch hook";
    table.need("auto_scaling_group", CURE);
    table.need("lifecycle_hook", CURE);
    let group = read_name(&mut table, "auto_scaling_group");
    let hook = read_name(&mut table, "lifecycle_hook");
    table.finish();
    Some(Signal {
        group: group?,
        hook: hook?,
    })
}

fn read_name(table: &mut Table<'_>, key: &'static str) -> Option<String> {
    let name = table.text(key)?;
    let is_good = name.value.len() <= MAX_NAME && !name.value.contains(char::is_control);
    if !is_good {
        let text =
            format!("\"{key}\" is no name: those have up to 255 bytes, all of them printable");
        table.document().note(name.line, text);
    }
    is_good.then_some(name.value)
}

#[cfg(test)]
mod tests;
