//! What a report says, before it is written as HTML or Markdown: sections of words, tables,
//! figures and texts that fold. Nothing in it is escaped, except the SVG of figures.

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Document {
    pub title: String,
    /// Under the title: when, where.
    pub subtitle: String,
    /// The answer, in a few sentences, the first of which is the largest.
    pub headline: Vec<String>,
    /// What a reader must know before all.
    pub warnings: Vec<String>,
    pub sections: Vec<Section>,
}

/// A part with a title.
#[derive(Clone, Debug, Default)]
pub struct Section {
    pub title: String,
    pub blocks: Vec<Block>,
}

/// What a section is made of.
#[derive(Clone, Debug)]
pub enum Block {
    /// A paragraph.
    Words(String),
    /// A title within a section.
    Title(String),
    /// SVG; Markdown leaves it out, as a table has its figures.
    Figure {
        caption: String,
        svg: String,
    },
    Table(Table),
    /// A long text that opens on demand, e.g. a configuration.
    Text {
        title: String,
        text: String,
    },
    /// What opens on demand.
    Fold {
        title: String,
        blocks: Vec<Block>,
    },
}

/// Rows under a head.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub head: Vec<String>,
    /// How many columns from the first are words, and stand left. All others stand right.
    pub words: usize,
    /// Whether the last column is words as well.
    pub is_last_words: bool,
    pub rows: Vec<Vec<Cell>>,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
}

/// How a cell looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    /// Says little, e.g. a change inside the spread.
    Grey,
    Better,
    Worse,
    /// Is to be looked at.
    Flag,
    /// A command or a name.
    Code,
}

impl Section {
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            blocks: Vec::new(),
        }
    }

    pub fn words(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Words(text.into()));
    }

    pub fn figure(&mut self, caption: impl Into<String>, svg: String) {
        self.blocks.push(Block::Figure {
            caption: caption.into(),
            svg,
        });
    }

    /// Unless it has no rows.
    pub fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }

    /// A table under a title, unless it has no rows.
    pub fn titled(&mut self, title: &str, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Title(title.to_owned()));
            self.blocks.push(Block::Table(table));
        }
    }

    /// Blocks that open on demand, if there are any.
    pub fn fold(&mut self, title: &str, blocks: Vec<Block>) {
        if !blocks.is_empty() {
            let title = title.to_owned();
            self.blocks.push(Block::Fold { title, blocks });
        }
    }

    /// A table that opens on demand, as a figure says the same.
    pub fn folded_table(&mut self, title: impl Into<String>, table: Table) {
        if !table.rows.is_empty() {
            let blocks = vec![Block::Table(table)];
            self.blocks.push(Block::Fold {
                title: title.into(),
                blocks,
            });
        }
    }
}

impl Table {
    /// A head, of which so many columns are words.
    pub fn new(words: usize, head: &[&str]) -> Self {
        let head = head.iter().map(|&text| text.to_owned()).collect();
        Self {
            head,
            words,
            is_last_words: false,
            rows: Vec::new(),
        }
    }

    pub fn with_last_words(mut self) -> Self {
        self.is_last_words = true;
        self
    }

    pub fn is_words(&self, column: usize) -> bool {
        column < self.words || self.is_last_words && column + 1 == self.head.len()
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl Cell {
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(Tone::Plain, text)
    }
}
