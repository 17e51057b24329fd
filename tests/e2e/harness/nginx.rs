//! The real nginx with the four files of the original measurement.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use super::wait_for;

pub struct Nginx {
    child: Child,
    pub address: SocketAddr,
}

pub const INDEX: &str = "the private index\n";

impl Nginx {
    pub fn start(directory: &Path) -> Self {
        Self::with(directory, |address, root| {
            let home = directory.join("nginx");
            format!(
                "listen {address}; root {root};
                 location /echo {{ return 200 \"$request_uri $http_x_consumer\"; }}
                 location /upload {{ dav_methods PUT; create_full_put_path on; root {home}; }}
                 location /post {{ proxy_pass http://{address}/echo; }}",
                root = root.display(),
                home = home.display(),
            )
        })
    }

    /// One with a server of the test's own, told its address and where the four files are.
    pub fn with(directory: &Path, server: impl Fn(SocketAddr, &Path) -> String) -> Self {
        let address = free_address();
        let root = directory.join("html");
        fs::create_dir_all(root.join("child/grandchild")).expect("directories");
        let write = |name: &str, bytes: Vec<u8>| fs::write(root.join(name), bytes).expect("a file");
        write("index.html", INDEX.into());
        write("child/random.txt", vec![b'c'; 1024]);
        write("child/grandchild/random.txt", vec![b'g'; 2048]);
        write(
            "random_text_files.zip",
            (0..=255).cycle().take(16 * 1024).collect(),
        );
        let home = directory.join("nginx");
        fs::create_dir_all(&home).expect("a directory");
        let config = format!(
            "daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/error.log info;
             events {{ worker_connections 512; }}
             http {{
               access_log off; client_max_body_size 64m;
               client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
               fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
               server {{ {server} }}
             }}",
            home = home.display(),
            server = server(address, &root),
        );
        let file = home.join("nginx.conf");
        fs::write(&file, config).expect("a file");
        let child = Command::new("/usr/sbin/nginx")
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts; tests/prepare installs it");
        wait_for("nginx", || TcpStream::connect(address).ok());
        Self { child, address }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody has: below the ports that the system gives out by itself, and given
/// out once.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run at once start at different places.
    let start = std::process::id() % 1000 * 10;
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + (start + step) % 10_000;
        let address = ([127, 0, 0, 1], port as u16).into();
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
