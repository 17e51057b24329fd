//! `certificates rotate-client`: the next client certificate becomes the current one, or the one
//! before it is no longer accepted.

use anyhow::bail;

use super::Place;
use super::directory::{CLIENT, Directory, NEXT, OLD};

/// Where, and which half of the rotation.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Rotate nothing: take the certificate before the current one out of what is accepted
    #[arg(long)]
    drop_old: bool,
}

/// Rotates or drops; says what the operator does next.
pub(super) fn rotate(options: &Options) -> anyhow::Result<String> {
    let directory = Directory::new(&options.place.directory);
    let shown = options.place.directory.display();
    if options.drop_old {
        if !directory.has(OLD) {
            bail!("{shown}: no certificate before the current one is accepted");
        }
        directory.remove(OLD)?;
        directory.accept()?;
        return Ok(format!(
            "The certificate before the current one is no longer accepted.\n\n\
             Carry {shown}/accepted.pem and accepted.map to the upstream and reload it."
        ));
    }
    if !directory.has(NEXT.0) {
        bail!(
            "{shown}: there is no next certificate; make one with `countersign certificates new-client`"
        );
    }
    // In this order a command that died can be run again: the old certificate is kept until the
    // new one is in its place, and a gateway that reloads in between refuses the key that does
    // not fit, and serves on.
    directory.copy(CLIENT.0, OLD)?;
    if directory.has(NEXT.1) {
        directory.rename(NEXT.1, CLIENT.1)?;
    }
    directory.rename(NEXT.0, CLIENT.0)?;
    directory.accept()?;
    Ok(format!(
        "The next client certificate is the current one; the one before it is still accepted.\n\n\
         1. Reload the gateway.\n\
         2. When it serves: countersign certificates rotate-client --drop-old --directory {shown}\n\
         3. Carry {shown}/accepted.pem and accepted.map to the upstream and reload it."
    ))
}
