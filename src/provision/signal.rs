//! The word to an Auto Scaling group. In: which group waits, and where the gateway says that it is
//! ready. Out: nothing, once the gateway was ready and the group knows; or why not. A group that
//! hears nothing does what its hook says, which is to give the machine up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::aws::{self, Api, Metadata, Service};

use super::account::account;

/// A group and its hook, which holds new instances back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The Auto Scaling group.
    pub group: String,
    /// Its lifecycle hook for launches.
    pub hook: String,
}

/// The pause between two questions to a gateway that is not ready.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until the admin listener says that the gateway is ready.
///
/// # Errors
/// It does not within `patience`; what was heard last.
pub async fn wait_until_ready(admin: SocketAddr, patience: Duration) -> Result<(), String> {
    let url = format!("http://{}/readyz", reachable(admin));
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.map_err(|e| format!("there is no HTTP client: {e}"))?;
    let deadline = Instant::now() + patience;
    let mut heard = "nobody answers".to_owned();
    loop {
        match timeout_at(deadline, client.get(&url).send()).await {
            Ok(Ok(answer)) if answer.status() == reqwest::StatusCode::OK => return Ok(()),
            Ok(Ok(answer)) => heard = format!("it answers {}", answer.status().as_u16()),
            Ok(Err(_)) => heard = "nobody answers".to_owned(),
            Err(_) => {}
        }
        if Instant::now() + PAUSE > deadline {
            let secs = patience.as_secs();
            return Err(format!("{url} was not ready within {secs} s: {heard}"));
        }
        // Until the gateway has opened its admin listener, or its clock is right.
        sleep(PAUSE).await;
    }
}

/// Tells the group that it may go on with this instance; the instance's id.
///
/// # Errors
/// The instance's metadata cannot be had, or the group's service does not take it.
pub async fn tell_group(signal: &Signal) -> Result<String, String> {
    let words = |why: aws::Unavailable| why.to_string();
    let account = account().await?;
    let metadata = Metadata::open().await.map_err(words)?;
    let instance = metadata.instance_id().await.map_err(words)?;
    let service = Service::open(Api::AutoScaling, &account)?;
    let told = aws::go_on(&service, &signal.group, &signal.hook, &instance).await;
    told.map_err(|why| why.to_string())?;
    Ok(instance)
}

/// Where a listener on every address of the machine can be asked.
fn reachable(admin: SocketAddr) -> SocketAddr {
    let ip = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, admin.port())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_listener_on_every_address_is_asked_on_this_machine() {
        for (admin, asked) in [
            ("0.0.0.0:9901", "127.0.0.1:9901"),
            ("[::]:9901", "[::1]:9901"),
            ("10.0.0.1:9901", "10.0.0.1:9901"),
        ] {
            let admin = admin.parse().expect("an address");
            assert_eq!(reachable(admin).to_string(), asked);
        }
    }
}
