//! Gets what user data asks for. In: what is wanted. Out: every file's bytes, zeroized after use,
//! or every `Problem` in getting them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use crate::aws::{self, Api, Metadata, Service, Unanswered, Unavailable, Value};
use crate::problem::Problems;

use super::path::FilePath;
use super::source::Source;
use super::user_data::{Wanted, holds_private_key};

/// A file as it was fetched. Has no `Debug`: it may hold a secret.
pub struct Fetched {
    /// What was wanted.
    pub wanted: Wanted,
    /// Its contents.
    pub bytes: Value,
}

/// The region that services are asked in: the environment's, or the one that the instance is in.
///
/// # Errors
/// Neither says one.
pub async fn region() -> Result<String, Unavailable> {
    let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter();
    let mut named = named.filter_map(|name| std::env::var(name).ok());
    match named.find(|region| !region.is_empty()) {
        Some(region) => Ok(region),
        None => Metadata::open().await?.region().await,
    }
}

/// Fetches `wanted`, which stands in what is called `name`. `told` hears of each file.
///
/// # Errors
/// Every file that cannot be had, and every private key that is not said to be a secret.
pub async fn fetch(
    name: &Path,
    wanted: Vec<Wanted>,
    told: impl Fn(&FilePath, &Source),
) -> Result<Vec<Fetched>, Problems> {
    let mut problems = Problems::default();
    let mut services = Services::default();
    let mut all = Vec::new();
    for wanted in wanted {
        let Wanted {
            path, source, line, ..
        } = &wanted;
        match services.get(source).await {
            Ok(bytes) if !wanted.is_secret && holds_private_key(&bytes) => {
                let text = format!("file \"{path}\" holds a private key; say secret = true");
                problems.add(name, *line, text);
            }
            Ok(bytes) => {
                told(path, source);
                all.push(Fetched { wanted, bytes });
            }
            Err(why) => {
                let text = format!("file \"{path}\": {source} cannot be had: {why}");
                problems.add(name, *line, text);
            }
        }
    }
    problems.or_ok(all)
}

/// The services that were asked so far, with their connections and credentials.
#[derive(Default)]
struct Services {
    region: Option<String>,
    open: HashMap<Api, Service>,
}

impl Services {
    async fn get(&mut self, source: &Source) -> Result<Value, String> {
        let words = |why: Unanswered| why.to_string();
        match source {
            Source::Text(text) => Ok(Value::new(text.clone().into_bytes())),
            Source::Ssm(name) => {
                let service = self.service(Api::Ssm).await?;
                aws::parameter(service, name).await.map_err(words)
            }
            Source::SecretsManager(id) => {
                let service = self.service(Api::SecretsManager).await?;
                aws::secret(service, id).await.map_err(words)
            }
            Source::S3 { bucket, key } => {
                let service = self.service(Api::S3).await?;
                aws::object(service, bucket, key).await.map_err(words)
            }
        }
    }

    async fn service(&mut self, api: Api) -> Result<&Service, String> {
        if self.region.is_none() {
            self.region = Some(region().await.map_err(|why| why.to_string())?);
        }
        let region = self.region.as_deref().unwrap_or_default();
        match self.open.entry(api) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(Service::open(api, region)?)),
        }
    }
}
