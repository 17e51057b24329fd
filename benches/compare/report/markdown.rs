//! A report as Markdown: the same words and tables, without the figures.

use super::document::{Block, Cell, Document, Table, Tone};

/// The whole text.
pub fn page(document: &Document) -> String {
    let mut page = format!(
        "# {}\n\n{}\n",
        words(&document.title),
        words(&document.subtitle)
    );
    for warning in &document.warnings {
        page += &format!("\n> **{}**\n", words(warning));
    }
    for (at, sentence) in document.headline.iter().enumerate() {
        let mark = if at == 0 { "**" } else { "" };
        page += &format!("\n{mark}{}{mark}\n", words(sentence));
    }
    for section in &document.sections {
        page += &format!("\n## {}\n", words(&section.title));
        page += &section.blocks.iter().map(block).collect::<String>();
    }
    page
}

fn block(part: &Block) -> String {
    match part {
        Block::Words(text) => format!("\n{}\n", words(text)),
        Block::Title(text) => format!("\n### {}\n", words(text)),
        Block::Figure { .. } => String::new(),
        Block::Table(table) => table_of(table),
        Block::Text { title, text } => {
            // HTML within Markdown ends at an empty line; a fence does not.
            let fence = fence_around(text);
            let end = if text.ends_with('\n') { "" } else { "\n" };
            let title = words(title);
            format!(
                "\n<details><summary>{title}</summary>\n\n{fence}\n{text}{end}{fence}\n\n</details>\n"
            )
        }
        Block::Fold { title, blocks } => {
            let blocks: String = blocks.iter().map(block).collect();
            match blocks.is_empty() {
                true => String::new(),
                false => format!("\n{}:\n{blocks}", words(title)),
            }
        }
    }
}

fn table_of(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let head = line(table.head.iter().map(|text| words(text)).collect());
    let rule = |at| if table.is_words(at) { "---" } else { "---:" };
    let rules = line(
        (0..table.head.len())
            .map(|at| rule(at).to_owned())
            .collect(),
    );
    let rows = table
        .rows
        .iter()
        .map(|row| line(row.iter().map(cell).collect()));
    format!("\n{head}{rules}{}", rows.collect::<String>())
}

fn cell(cell: &Cell) -> String {
    match cell.tone {
        Tone::Code => format!(
            "`{}`",
            cell.text.replace(['`', '\n'], " ").replace('|', "\\|")
        ),
        Tone::Better | Tone::Worse => format!("**{}**", words(&cell.text)),
        Tone::Flag => format!("⚠ {}", words(&cell.text)),
        Tone::Plain | Tone::Grey => words(&cell.text),
    }
}

/// What Markdown would take for its own marks is escaped.
fn words(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' => escaped.extend(['\\', letter]),
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn fence_around(text: &str) -> String {
    let mut longest = 2;
    let mut length = 0;
    for letter in text.chars() {
        length = if letter == '`' { length + 1 } else { 0 };
        longest = longest.max(length);
    }
    "`".repeat(longest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_does_not_end_its_table() {
        assert_eq!(words("a|b\n*c* <d>"), "a\\|b \\*c\\* &lt;d&gt;");
        assert_eq!(cell(&Cell::toned(Tone::Code, "a `b` | c")), "`a  b  \\| c`");
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fence_around("a ```` b ``"), "`````");
        assert_eq!(fence_around(""), "```");
    }
}
