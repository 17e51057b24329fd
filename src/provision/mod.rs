//! The first boot of a machine, and every later one. In: user data, which says which files the
//! gateway's directory has and where each comes from. Out: that directory, changed whole or not at
//! all, and a word to the Auto Scaling group once the gateway is ready. Knows nothing of what the
//! files mean: whoever calls it hands in the check.

mod account;
mod fetch;
mod manifest;
mod moves;
mod path;
mod picture;
mod place;
mod signal;
mod source;
mod staging;
mod target;
mod user_data;
mod written;

pub use fetch::{Fetched, fetch};
pub use path::FilePath;
pub use place::Outcome;
pub use signal::{Signal, tell_group, wait_until_ready};
pub use source::Source;
pub use staging::{Checked, Staged};
pub use user_data::{MAX_USER_DATA, UserData, Wanted};
pub use written::Owner;
