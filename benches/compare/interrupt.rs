//! Ctrl-C ends the measuring, not the program: what was measured is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set when somebody wants an end.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from here on. However often it comes, the programs of the paths are ended with this
    /// one.
    pub fn listen() -> Self {
        let flag = Arc::new(AtomicBool::new(false));
        let set = flag.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime can be had").block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    set.store(true, Ordering::Relaxed);
                    eprintln!("\nEnding after this measurement.");
                }
            });
        });
        Self(flag)
    }

    /// Listens to nobody.
    #[cfg(test)]
    pub fn never() -> Self {
        Self(Arc::default())
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
