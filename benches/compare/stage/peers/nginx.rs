//! nginx as a gateway, and with a script that verifies SigV4: what people do when API Gateway is
//! not there to do it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::material::{KEY_ID, REGION, SERVICE};
use crate::program::free_address;

use super::{Checks, Failure, Ground, INSTALL, Peer, Stand, find, name, start as start_peer};

/// Where Debian keeps the module that runs the script.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_http_js_module.so";
const SCRIPT: &str = include_str!("sigv4.js");

/// Starts it.
///
/// # Errors
/// It is missing or does not start.
pub fn start(ground: &Ground, checks: Checks) -> Result<Stand, Failure> {
    let nginx = find("nginx", &["/usr/sbin/nginx".into()], INSTALL)?;
    start_with(ground, checks, &nginx, &Script::default())
}

/// Starts it with the script.
///
/// # Errors
/// nginx or its JavaScript is missing, or it does not start.
pub fn start_njs(ground: &Ground, checks: Checks) -> Result<Stand, Failure> {
    // The module fits Debian's own nginx only, whatever else is on the path.
    let nginx = find("nginx of Debian", &["/usr/sbin/nginx".into()], INSTALL)?;
    find("nginx's JavaScript", &[MODULE.into()], INSTALL)?;
    ground.write("sigv4.js", SCRIPT)?;
    let secret = ground.material.read("secret")?;
    let credentials = format!(
        "export default {{
    region: '{REGION}',
    service: '{SERVICE}',
    secrets: {{ {KEY_ID}: '{secret}' }},
}};
"
    );
    let credentials = ground.write("credentials.js", &credentials)?;
    std::fs::set_permissions(&credentials, std::fs::Permissions::from_mode(0o600))?;
    let script = Script {
        load: format!("load_module {MODULE};\n"),
        import: format!(
            "    js_path {home};
    js_import sigv4.js;
    js_set $verdict sigv4.verdict;
",
            home = ground.home().display()
        ),
        check: "            if ($verdict != ok) { return 403; }\n".to_owned(),
    };
    let mut stand = start_with(ground, checks, &nginx, &script)?;
    stand.notes.push(NOTE.to_owned());
    Ok(stand)
}

const NOTE: &str = "njs 0.7.9 keeps nothing from one request to the next, so the signing key is \
                    derived for each; the script takes requests without a body only.";

/// What the script adds to the configuration.
#[derive(Default)]
struct Script {
    load: String,
    import: String,
    check: String,
}

fn start_with(
    ground: &Ground,
    checks: Checks,
    nginx: &Path,
    script: &Script,
) -> Result<Stand, Failure> {
    let name = name("nginx", checks);
    let address = free_address()?;
    let scratch = ground.home().join(&name);
    std::fs::create_dir_all(&scratch)?;
    let verify = match checks.certificate {
        true => format!(
            "        ssl_client_certificate {};\n        ssl_verify_client on;\n",
            ground.material.path("ca.pem").display()
        ),
        false => String::new(),
    };
    let configuration = format!(
        "{load}worker_processes 1;
daemon off;
pid {d}/nginx.pid;
error_log stderr error;
events {{ worker_connections 40000; }}
worker_rlimit_nofile 65536;
http {{
{import}    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_max_body_size 2g;
    client_body_temp_path {d}/body;
    proxy_temp_path {d}/proxy;
    fastcgi_temp_path {d}/fastcgi;
    uwsgi_temp_path {d}/uwsgi;
    scgi_temp_path {d}/scgi;
    upstream private {{
        server {origin};
        keepalive 1024;
        keepalive_requests 1000000000;
        keepalive_timeout 300s;
    }}
    server {{
        listen {address} ssl backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
{verify}        location / {{
{check}            proxy_pass http://private;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffers 16 8k;
            proxy_request_buffering off;
        }}
    }}
}}
",
        load = script.load,
        import = script.import,
        check = script.check,
        d = scratch.display(),
        origin = ground.origin_address(),
        certificate = ground.material.path("server.pem").display(),
        key = ground.material.path("server.key").display(),
    );
    let file = ground.write(&format!("{name}.conf"), &configuration)?;
    let peer = Peer {
        label: if script.load.is_empty() {
            "nginx"
        } else {
            "nginx + njs"
        },
        name: &name,
        program: nginx,
        words: &["-e", "stderr", "-c", &file.display().to_string()],
        environment: &[],
        address,
        checks,
    };
    start_peer(ground, &peer)
}
