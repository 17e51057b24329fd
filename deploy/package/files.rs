//! What a package brings beside the program, made of the program's own commands.
//! In: a directory. Out: in its `man/` a page a command, in its `completions/` a file each for
//! bash, zsh and fish. The same commands always make the same bytes.
//!
//!     cargo run --example package-files -- DIRECTORY

use std::error::Error;
use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use countersign::cli::Cli;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).ok_or("name a directory")?;
    let directory = Path::new(&directory);
    let (man, completions) = (directory.join("man"), directory.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(Cli::command(), &man)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "countersign", &completions)?;
    }
    Ok(())
}
