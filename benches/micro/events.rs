//! What telling a function of a request costs, by format and by size and kind of the body.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use countersign::client_certificate::ClientCertificate;
use countersign::clock::UtcTime;
use countersign::config::{Function, Invocation, Lambda, MediaTypes, PayloadFormat, Stage};
use countersign::lambda::Request;
use countersign::lambda::encode;
use criterion::{Criterion, Throughput};

const FORMATS: [(&str, PayloadFormat); 2] =
    [("rest", PayloadFormat::Rest), ("2.0", PayloadFormat::V2)];
const SIZES: [usize; 2] = [1024, 1 << 20];
const LINE: &[u8] =
    b"{\"id\": 4711, \"name\": \"Widget, small\", \"price\": \"12.50\", \"tags\": []},\n";

/// Prints how often an event allocates.
pub fn count_allocations(certificate: &[u8], count: impl Fn(&dyn Fn()) -> u64) {
    each(certificate, |name, lambda, request, body| {
        let allocations = count(&|| tell(lambda, request, body));
        println!("{name}: {allocations} heap allocations");
    });
}

/// The table: every format by every body.
pub fn measure(criterion: &mut Criterion, certificate: &[u8]) {
    let mut group = criterion.benchmark_group("event");
    group
        .sample_size(30)
        .measurement_time(Duration::from_secs(2));
    each(certificate, |name, lambda, request, body| {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| tell(lambda, black_box(request), black_box(body)));
        });
    });
    group.finish();
}

fn tell(lambda: &Lambda, request: &Request<'_>, body: &[u8]) {
    let event = encode(lambda, request, body);
    assert!(black_box(event).is_ok());
}

fn each(certificate: &[u8], mut work: impl FnMut(&str, &Lambda, &Request<'_>, &[u8])) {
    let stage = Stage::default();
    for (format, payload_format) in FORMATS {
        let lambda = lambda(payload_format);
        for size in SIZES {
            let json: Vec<u8> = LINE.iter().copied().cycle().take(size).collect();
            let binary: Vec<u8> = (0..size).map(|at| (at * 7 % 256) as u8).collect();
            for (kind, media_type, body) in [
                ("json", "application/json", json),
                ("binary", "application/octet-stream", binary),
            ] {
                let request = request(&stage, media_type, certificate);
                work(&format!("{format}/{kind}/{size}"), &lambda, &request, &body);
            }
        }
    }
}

fn lambda(payload_format: PayloadFormat) -> Lambda {
    let function = Function {
        name: "orders".to_owned(),
        qualifier: None,
        region: "us-west-2".to_owned(),
        endpoint: None,
        connect_timeout: Duration::from_secs(2),
        timeout: None,
        max_concurrency: 1,
        max_payload_bytes: 6 << 20,
    };
    Lambda {
        function,
        invocation: Invocation::RequestResponse,
        payload_format,
        binary_media_types: MediaTypes::new(vec!["application/octet-stream".to_owned()]),
        multi_value_headers: false,
        target_group_arn: String::new(),
        idle_timeout: Duration::from_secs(300),
    }
}

/// As a browser might send it, with a certificate.
fn request<'a>(stage: &'a Stage, media_type: &'a str, certificate: &'a [u8]) -> Request<'a> {
    let fields = [
        ("Host", "gateway.example"),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101",
        ),
        ("Accept", "application/json,text/html;q=0.9,*/*;q=0.8"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Accept-Language", "en-US,en;q=0.5"),
        ("Content-Type", media_type),
        ("Content-Length", "1048576"),
        ("Cookie", "session=0123456789abcdef; theme=dark"),
        ("Connection", "keep-alive"),
        (
            "X-Amzn-Trace-Id",
            "Root=1-5e5ff895-0123456789abcdef01234567",
        ),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    let certificate = ClientCertificate {
        der: certificate,
        subject: "CN=billing,O=Example",
        issuer: "CN=Clients CA,O=Example",
        serial: "00a1b2c30102030405",
        not_before: UtcTime::from_unix(1_559_046_602),
        not_after: UtcTime::from_unix(1_628_156_164),
    };
    Request {
        method: "POST",
        path: "/orders/4711/lines",
        query: Some("b=2&a=1&q=red+shoes"),
        fields: fields.map(|(name, value)| (name, value.into())).to_vec(),
        host: "gateway.example",
        protocol: "HTTP/1.1",
        source_ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        request_id: "01890a5d-ac96-774b-bcce-b302099a8057",
        time_ms: 1_583_349_317_135,
        route_method: "POST",
        resource: "/orders/{id}/lines",
        parameters: vec![("id", "4711")],
        certificate: Some(certificate),
        consumer: Some("billing"),
        context: None,
        stage,
    }
}
