//! The metadata of an instance, version 2 only, as EC2 serves it to the instance alone.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub const INSTANCE: &str = "i-0123456789abcdef0";
pub const ROLE: &str = "gateway";
const TOKEN: &str = "a-token-of-this-session";

/// Metadata, and what was asked of it.
pub struct Imds {
    pub address: SocketAddr,
    user_data: Arc<Mutex<Option<Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

struct Request {
    line: String,
    fields: HashMap<String, String>,
}

impl Imds {
    /// An instance without user data, in us-west-2, with a role.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let imds = Self {
            address: listener.local_addr().expect("an address"),
            user_data: Arc::default(),
            asked: Arc::default(),
        };
        let (user_data, asked) = (imds.user_data.clone(), imds.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (user_data, asked) = (user_data.clone(), asked.clone());
                std::thread::spawn(move || serve(stream, &user_data, &asked));
            }
        });
        imds
    }

    pub fn set_user_data(&self, text: impl Into<Vec<u8>>) {
        *self.user_data.lock().expect("no panic") = Some(text.into());
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The lines of the requests so far, with their answers' status.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn serve(stream: TcpStream, user_data: &Mutex<Option<Vec<u8>>>, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream);
    while let Some(request) = read(&mut lines) {
        let (status, body) = answer(&request, user_data);
        let told = format!("{} {status}", request.line);
        asked.lock().expect("no panic").push(told);
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nx-aws-ec2-metadata-token-ttl-seconds: 300\r\n\r\n",
            body.len()
        );
        let stream = lines.get_mut();
        let sent = stream.write_all(&[head.as_bytes(), &body].concat());
        if sent.is_err() {
            return;
        }
    }
}

fn read(lines: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    lines.take(4096).read_line(&mut line).ok()?;
    let mut fields = HashMap::new();
    loop {
        let mut field = String::new();
        if lines.take(4096).read_line(&mut field).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = field.trim_end().split_once(':') else {
            let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
            return Some(Request { line, fields });
        };
        fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

/// As AWS describes it: a token for whoever PUTs, nothing for whoever has none, and no token for
/// what a proxy has passed on.
fn answer(request: &Request, user_data: &Mutex<Option<Vec<u8>>>) -> (u16, Vec<u8>) {
    let field = |name: &str| request.fields.get(name).map(String::as_str);
    let text = |text: &str| (200, text.as_bytes().to_vec());
    if request.line == "PUT /latest/api/token" {
        let lasts = field("x-aws-ec2-metadata-token-ttl-seconds").is_some();
        return match lasts && field("x-forwarded-for").is_none() {
            true => text(TOKEN),
            false => (400, Vec::new()),
        };
    }
    if field("x-aws-ec2-metadata-token") != Some(TOKEN) {
        return (401, Vec::new());
    }
    const ROLES: &str = "GET /latest/meta-data/iam/security-credentials";
    let line = request.line.trim_end_matches('/');
    match line {
        "GET /latest/user-data" => match &*user_data.lock().expect("no panic") {
            Some(data) => (200, data.clone()),
            None => (404, Vec::new()),
        },
        "GET /latest/meta-data/placement/region" => text("us-west-2"),
        "GET /latest/meta-data/instance-id" => text(INSTANCE),
        ROLES => text(ROLE),
        _ if line == format!("{ROLES}/{ROLE}") => text(&credentials()),
        _ => (404, Vec::new()),
    }
}

fn credentials() -> String {
    let hour = std::time::Duration::from_secs(3600);
    let end = countersign::clock::UtcTime::now().plus(hour);
    serde_json::json!({
        "Code": "Success",
        "LastUpdated": countersign::clock::UtcTime::now().to_string(),
        "Type": "AWS-HMAC",
        "AccessKeyId": "ASIAEXAMPLEROLE",
        "SecretAccessKey": "the-secret-of-the-role",
        "Token": "the-token-of-the-role",
        "Expiration": end.to_string(),
    })
    .to_string()
}
