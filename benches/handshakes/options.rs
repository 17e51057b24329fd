//! What the bench is told on its command line.

/// The flags.
pub struct Options {
    pub seconds: u64,
    pub rounds: usize,
    /// A case whose name does not hold this is left out.
    pub only: String,
    pub write: Option<String>,
}

impl Options {
    pub fn read() -> Self {
        let mut options = Self {
            seconds: 3,
            rounds: 5,
            only: String::new(),
            write: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(flag) = words.next() {
            let mut value = || {
                words
                    .next()
                    .unwrap_or_else(|| panic!("{flag} needs a value"))
            };
            match flag.as_str() {
                // cargo says so to every bench.
                "--bench" => {}
                "--seconds" => options.seconds = value().parse().expect("seconds"),
                "--rounds" => options.rounds = value().parse().expect("a number of rounds"),
                "--only" => options.only = value(),
                "--write" => options.write = Some(value()),
                _ => panic!("{flag} is none of --seconds, --rounds, --only and --write"),
            }
        }
        options
    }

    pub fn wants(&self, case: &str) -> bool {
        case.contains(&self.only)
    }
}
