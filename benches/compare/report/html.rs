//! A report as a page of HTML that needs nothing else: no network, no script. It is XML as well,
//! so that a parser can tell whether it is whole.

use super::document::{Block, Cell, Document, Section, Table, Tone};
use super::text::escape;

/// The whole page.
pub fn page(document: &Document) -> String {
    let title = escape(&document.title);
    let style = include_str!("style.css");
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{title}</title>\n<style>\n{style}</style></head>\n<body>{HATCH}<main>\n\
         <header><h1>{title}</h1><p class=\"subtitle\">{}</p></header>\n",
        escape(&document.subtitle)
    );
    for warning in &document.warnings {
        page += &format!(
            "<p class=\"warning\" role=\"alert\">{}</p>\n",
            escape(warning)
        );
    }
    page += &headline(&document.headline);
    page += &contents(&document.sections);
    for (at, part) in document.sections.iter().enumerate() {
        page += &section(at, part);
    }
    page + "</main></body></html>\n"
}

/// What fills the bars of emulators, in all figures.
const HATCH: &str = "<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><defs>\
    <pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\"><line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern>\
    </defs></svg>";

fn headline(sentences: &[String]) -> String {
    if sentences.is_empty() {
        return String::new();
    }
    let lines = sentences
        .iter()
        .map(|sentence| format!("<p>{}</p>\n", escape(sentence)));
    format!(
        "<div class=\"headline\">\n{}</div>\n",
        lines.collect::<String>()
    )
}

fn contents(sections: &[Section]) -> String {
    let link =
        |(at, part): (usize, &Section)| format!("<a href=\"#s{at}\">{}</a>\n", escape(&part.title));
    let links: String = sections.iter().enumerate().map(link).collect();
    format!("<nav>{links}</nav>\n")
}

fn section(at: usize, part: &Section) -> String {
    let blocks: String = part.blocks.iter().map(block).collect();
    format!(
        "<section id=\"s{at}\"><h2>{}</h2>\n{blocks}</section>\n",
        escape(&part.title)
    )
}

fn block(part: &Block) -> String {
    match part {
        Block::Words(text) => format!("<p>{}</p>\n", escape(text)),
        Block::Title(text) => format!("<h3>{}</h3>\n", escape(text)),
        Block::Figure { caption, svg } => {
            let caption = escape(caption);
            format!("<figure><figcaption>{caption}</figcaption>\n{svg}</figure>\n")
        }
        Block::Table(table) => table_of(table),
        Block::Text { title, text } => {
            format!(
                "<details><summary>{}</summary><pre>{}</pre></details>\n",
                escape(title),
                escape(text)
            )
        }
        Block::Fold { title, blocks } => {
            let blocks: String = blocks.iter().map(block).collect();
            format!(
                "<details><summary>{}</summary>\n{blocks}</details>\n",
                escape(title)
            )
        }
    }
}

fn table_of(table: &Table) -> String {
    let column = |at: usize| {
        if table.is_words(at) {
            ""
        } else {
            " class=\"n\""
        }
    };
    let head = table.head.iter().enumerate();
    let head: String = head
        .map(|(at, text)| format!("<th{}>{}</th>", column(at), escape(text)))
        .collect();
    let row = |cells: &Vec<Cell>| {
        let cells = cells.iter().enumerate();
        let cells: String = cells
            .map(|(at, cell)| cell_of(table.is_words(at), cell))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = table.rows.iter().map(row).collect();
    format!(
        "<div class=\"scroll\"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn cell_of(words: bool, cell: &Cell) -> String {
    let text = escape(&cell.text);
    let class = if words { "" } else { "n " };
    match cell.tone {
        Tone::Plain if words => format!("<td>{text}</td>"),
        Tone::Plain => format!("<td class=\"n\">{text}</td>"),
        Tone::Code => {
            let short = if text.len() <= 40 { " short" } else { "" };
            format!("<td class=\"{class}code{short}\"><code>{text}</code></td>")
        }
        Tone::Grey => format!("<td class=\"{class}grey\">{text}</td>"),
        Tone::Better => format!("<td class=\"{class}better\">{text}</td>"),
        Tone::Worse => format!("<td class=\"{class}worse\">{text}</td>"),
        Tone::Flag => format!("<td class=\"{class}flag\">{text}</td>"),
    }
}
