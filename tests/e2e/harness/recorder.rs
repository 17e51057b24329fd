//! An upstream that remembers every byte it was sent and answers 200 to every request.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub struct Recorder {
    pub address: SocketAddr,
    /// The connection that has sent something last is the last.
    seen: Arc<Mutex<Vec<Bytes>>>,
}

/// What one connection has sent so far.
type Bytes = Arc<Mutex<Vec<u8>>>;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

impl Recorder {
    pub fn start() -> Self {
        Self::answering(ANSWER)
    }

    /// Gives `answer` to every head that ends.
    pub fn answering(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let bytes = Arc::new(Mutex::new(Vec::new()));
                let all = all.clone();
                std::thread::spawn(move || serve(stream, &bytes, &all, answer));
            }
        });
        Self { address, seen }
    }

    /// Everything it was sent, over all connections.
    pub fn seen(&self) -> String {
        let all = self.seen.lock().expect("no panic");
        let all: Vec<u8> = all
            .iter()
            .flat_map(|one| one.lock().expect("no panic").clone())
            .collect();
        super::text(&all)
    }

    /// What it was sent of the last request for `target`; empty when there was none.
    pub fn seen_for(&self, target: &str) -> String {
        let all = self.seen.lock().expect("no panic");
        let wanted = format!(" {target} HTTP/1.1\r\n");
        let of = |one: &Bytes| {
            let text = super::text(&one.lock().expect("no panic"));
            text.rfind(&wanted).map(|at| text[at..].to_owned())
        };
        all.iter().rev().find_map(of).unwrap_or_default()
    }

    pub fn forget(&self) {
        for one in self.seen.lock().expect("no panic").iter() {
            one.lock().expect("no panic").clear();
        }
    }

    /// The value of a field of the last request; `None` when it is absent.
    pub fn field(&self, name: &str) -> Option<String> {
        let seen = self.seen();
        let start = format!("{}:", name.to_ascii_lowercase());
        let line = seen
            .lines()
            .rfind(|line| line.to_ascii_lowercase().starts_with(&start))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    }
}

fn serve(mut stream: TcpStream, bytes: &Bytes, all: &Mutex<Vec<Bytes>>, answer: &[u8]) {
    let mut scratch = [0; 65536];
    loop {
        let length = match stream.read(&mut scratch) {
            Ok(0) | Err(_) => return,
            Ok(length) => length,
        };
        let mut order = all.lock().expect("no panic");
        order.retain(|one| !Arc::ptr_eq(one, bytes));
        order.push(bytes.clone());
        drop(order);
        let whole = {
            let mut bytes = bytes.lock().expect("no panic");
            bytes.extend_from_slice(&scratch[..length]);
            is_whole(&bytes)
        };
        if whole && stream.write_all(answer).is_err() {
            return;
        }
    }
}

/// Whether the bytes end with the end of a request.
fn is_whole(bytes: &[u8]) -> bool {
    let text = super::text(bytes);
    let Some(at) = text.rfind(" HTTP/1.1\r\n") else {
        return false;
    };
    let Some((head, body)) = text[at..].split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return body.ends_with("0\r\n\r\n");
    }
    let length = head.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}
