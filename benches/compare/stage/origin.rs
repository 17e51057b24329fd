//! The private server: the real nginx with the four files of the 2017 evaluation.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::program::{Cores, Launch, Program, free_address};

use super::{Checks, Failure, Ground, Stand, find};

/// The files: their targets and lengths in bytes.
pub const FILES: [(&str, u64); 4] = [
    ("/", 612),
    ("/child/random.txt", 1024),
    ("/child/grandchild/random.txt", 2048),
    ("/random_text_files.zip", 65_536),
];

/// Writes the files.
///
/// # Errors
/// The directory cannot be written.
pub fn write_files(home: &Path) -> Result<(), Failure> {
    let root = home.join("html");
    fs::create_dir_all(root.join("child/grandchild"))?;
    for (target, bytes) in FILES {
        let name = if target == "/" { "/index.html" } else { target };
        fs::write(root.join(&name[1..]), content(target, bytes))?;
    }
    Ok(())
}

/// Text without a pattern that a compressor would find; the same in every run.
fn content(target: &str, bytes: u64) -> Vec<u8> {
    let mut state = target
        .bytes()
        .fold(0x9e37_79b9_7f4a_7c15, |state: u64, byte| {
            (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\n"[(state % 64) as usize]
    };
    (0..bytes).map(letter).collect()
}

/// Starts an nginx with the files.
///
/// # Errors
/// It is missing or does not start.
pub fn start(
    home: &Path,
    name: &str,
    cores: Cores,
) -> Result<(Program, SocketAddr, String), Failure> {
    let nginx = find(
        "nginx",
        &["/usr/sbin/nginx".into()],
        "apt-get install nginx-light",
    )?;
    let address = free_address()?;
    let scratch = home.join(name);
    fs::create_dir_all(&scratch)?;
    let configuration = configuration(&Private {
        user: if nix::unistd::geteuid().is_root() {
            // A worker of nobody's could not write what is uploaded.
            "user root;\n"
        } else {
            ""
        },
        workers: "1",
        address,
        scratch: &scratch.display().to_string(),
        root: &home.join("html").display().to_string(),
        takes_uploads: true,
    });
    let file = scratch.join("nginx.conf");
    fs::write(&file, &configuration)?;
    let words = ["-e", "stderr", "-c", &file.display().to_string()].map(str::to_owned);
    let program = Program::start(&Launch {
        name,
        program: &nginx,
        words: words.into(),
        environment: Vec::new(),
        directory: &scratch,
        cores,
        ready: address,
    })?;
    Ok((program, address, configuration))
}

/// What a configuration of the private server depends on.
pub struct Private<'a> {
    /// A directive with its line end, or nothing.
    pub user: &'a str,
    pub workers: &'a str,
    pub address: SocketAddr,
    /// The directory for what it writes.
    pub scratch: &'a str,
    /// That of the files.
    pub root: &'a str,
    pub takes_uploads: bool,
}

/// The private server's configuration.
pub fn configuration(private: &Private<'_>) -> String {
    let Private {
        user,
        workers,
        address,
        scratch: d,
        root,
        takes_uploads,
    } = private;
    let upload = match takes_uploads {
        false => String::new(),
        true => format!(
            "        location /upload {{
            dav_methods PUT;
            create_full_put_path on;
            root {d};
            client_max_body_size 2g;
        }}
"
        ),
    };
    format!(
        "{user}worker_processes {workers};
daemon off;
pid {d}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    open_file_cache max=100;
    default_type text/plain;
    types {{ text/html html; application/zip zip; }}
    client_body_temp_path {d}/body;
    proxy_temp_path {d}/proxy;
    fastcgi_temp_path {d}/fastcgi;
    uwsgi_temp_path {d}/uwsgi;
    scgi_temp_path {d}/scgi;
    server {{
        listen {address} backlog=4096;
        root {root};
{upload}    }}
}}
"
    )
}

/// An nginx of its own, spoken to without anything before it.
///
/// # Errors
/// It is missing or does not start.
pub fn direct(ground: &Ground, _: Checks) -> Result<Stand, Failure> {
    let (program, address, configuration) = start(ground.home(), "direct", Cores::Measured)?;
    ground.write("direct.conf", &configuration)?;
    Ok(Stand {
        address,
        parts: vec![("nginx".to_owned(), program)],
        notes: Vec::new(),
    })
}
