//! Gets what user data asks for. In: what is wanted. Out: every file's bytes, zeroized after use,
//! or every `Problem` in getting them.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::path::Path;

use crate::aws::{self, Account, Api, Service, Unanswered, Value};
use crate::problem::Problems;

use super::account::account;
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
    let mut services = Services::open(name, &wanted).await?;
    let mut all = Vec::new();
    for wanted in wanted {
        match services.get(&wanted).await {
            Ok(bytes) => {
                told(&wanted.path, &wanted.source);
                all.push(Fetched { wanted, bytes });
            }
            Err(why) => problems.add(name, wanted.line, why),
        }
    }
    problems.or_ok(all)
}

/// The services that were asked so far, with their connections.
struct Services {
    account: Option<Account>,
    open: HashMap<Api, Service>,
    /// Those that could not be reached however long they were waited for.
    broken: HashSet<Api>,
}

impl Services {
    /// None asked yet; with credentials, if a source of `wanted` needs them.
    async fn open(name: &Path, wanted: &[Wanted]) -> Result<Self, Problems> {
        let is_aws = |wanted: &Wanted| !matches!(wanted.source, Source::Text(_));
        let fail = |why| Problems::with_file(name, format!("what it names cannot be had: {why}"));
        let account = match wanted.iter().any(is_aws) {
            true => Some(account().await.map_err(fail)?),
            false => None,
        };
        Ok(Self {
            account,
            open: HashMap::new(),
            broken: HashSet::new(),
        })
    }

    async fn get(&mut self, wanted: &Wanted) -> Result<Value, String> {
        let Wanted { path, source, .. } = wanted;
        let failed = |why| format!("file \"{path}\": {source} cannot be had: {why}");
        let bytes = self.get_from(source).await.map_err(failed)?;
        match !wanted.is_secret && holds_private_key(&bytes) {
            true => Err(format!(
                "file \"{path}\" holds a private key; say secret = true"
            )),
            false => Ok(bytes),
        }
    }

    async fn get_from(&mut self, source: &Source) -> Result<Value, String> {
        let api = match source {
            Source::Text(text) => return Ok(Value::new(text.clone().into_bytes())),
            Source::Ssm(_) => Api::Ssm,
            Source::SecretsManager(_) => Api::SecretsManager,
            Source::S3 { .. } => Api::S3,
        };
        // Others would wait as long for the same.
        if self.broken.contains(&api) {
            return Err(format!("{api} did not answer before"));
        }
        let answer = ask(self.service(api)?, source).await;
        answer.map_err(|why| {
            if matches!(why, Unanswered::Broken(_)) {
                self.broken.insert(api);
            }
            why.to_string()
        })
    }

    fn service(&mut self, api: Api) -> Result<&Service, String> {
        match self.open.entry(api) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(place) => {
                let account = self.account.as_ref().ok_or("there is nobody to ask as")?;
                Ok(place.insert(Service::open(api, account)?))
            }
        }
    }
}

async fn ask(service: &Service, source: &Source) -> Result<Value, Unanswered> {
    match source {
        Source::Text(text) => Ok(Value::new(text.clone().into_bytes())),
        Source::Ssm(name) => aws::parameter(service, name).await,
        Source::SecretsManager(id) => aws::secret(service, id).await,
        Source::S3 { bucket, key } => aws::object(service, bucket, key).await,
    }
}
