//! Which scheme signs. In: what the policy takes, what was asked for, which keys there are. Out:
//! the request, signed by that scheme, or what is missing.

use anyhow::bail;
use clap::ValueEnum;

use crate::config::{SigV4Algorithm, SignatureDemand};
use crate::credential::{Credential, Key};

use super::{Request, Signed, aws, hmac, message, sts};

/// A way of signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Scheme {
    /// AWS Signature Version 4
    Sigv4,
    /// The same with ECDSA
    Sigv4a,
    /// HTTP Message Signatures, with --key
    Rfc9421,
    /// An HMAC as the policy describes it
    Hmac,
    /// A token for AWS STS, with the AWS credentials of the environment
    Sts,
}

/// Signs by the scheme that was asked for, or by the first that can.
pub(super) fn sign(request: &Request<'_>) -> anyhow::Result<Signed> {
    let scheme = choose(request)?;
    check_options(request, scheme)?;
    match scheme {
        Scheme::Sigv4 => aws::sign(request, SigV4Algorithm::Hmac),
        Scheme::Sigv4a => aws::sign(request, SigV4Algorithm::Ecdsa),
        Scheme::Rfc9421 => message::sign(request).map(Signed::Headers),
        Scheme::Hmac => hmac::sign(request).map(Signed::Headers),
        Scheme::Sts => sts::sign(request).map(Signed::Headers),
    }
}

fn choose(request: &Request<'_>) -> anyhow::Result<Scheme> {
    let taken = taken(request.demand);
    let options = request.options;
    let wanted = options
        .scheme
        .or(options.key.as_ref().map(|_| Scheme::Rfc9421));
    if let Some(wanted) = wanted {
        if !taken.contains(&wanted) {
            bail!(
                "the policy does not take this scheme, {}; it takes {}",
                word(wanted),
                words(&taken)
            );
        }
        return Ok(wanted);
    }
    let named = request.named()?;
    let can = |scheme: &&Scheme| match named {
        Some(credential) => fits(**scheme, credential),
        None => **scheme == Scheme::Sts || request.credentials().any(|one| fits(**scheme, one)),
    };
    match (taken.iter().find(can), named, &taken[..]) {
        (Some(scheme), _, _) => Ok(*scheme),
        (None, Some(credential), _) => bail!(
            "credential \"{}\" is for {}, and the policy takes {}",
            credential.id,
            credential.key.scheme(),
            words(&taken)
        ),
        // Its own words say what it lacks.
        (None, None, [only]) => Ok(*only),
        (None, None, _) => bail!(
            "there is no credential for any scheme of the policy: {}",
            words(&taken)
        ),
    }
}

/// What a policy takes, SigV4's two in its own order.
fn taken(demand: &SignatureDemand) -> Vec<Scheme> {
    let aws = demand.sigv4.iter().flat_map(|sigv4| &sigv4.algorithms);
    let aws = aws.map(|algorithm| match algorithm {
        SigV4Algorithm::Hmac => Scheme::Sigv4,
        SigV4Algorithm::Ecdsa => Scheme::Sigv4a,
    });
    let others = [
        (Scheme::Rfc9421, demand.rfc9421.is_some()),
        (Scheme::Hmac, demand.hmac.is_some()),
        (Scheme::Sts, demand.sts.is_some()),
    ];
    let others = others.into_iter().filter(|(_, is_taken)| *is_taken);
    aws.chain(others.map(|(scheme, _)| scheme)).collect()
}

/// Whether a scheme signs with such a credential, which for RFC 9421 holds no private key.
fn fits(scheme: Scheme, credential: &Credential) -> bool {
    match scheme {
        Scheme::Sigv4 | Scheme::Sigv4a => credential.secret_access_key().is_some(),
        Scheme::Rfc9421 => matches!(credential.key, Key::Message(_)),
        Scheme::Hmac => matches!(credential.key, Key::Hmac(_)),
        Scheme::Sts => false,
    }
}

fn check_options(request: &Request<'_>, scheme: Scheme) -> anyhow::Result<()> {
    let options = request.options;
    let is_aws = matches!(scheme, Scheme::Sigv4 | Scheme::Sigv4a);
    for (given, fits, option) in [
        (options.presign.is_some(), is_aws, "--presign"),
        (options.unsigned_payload, is_aws, "--unsigned-payload"),
        (options.key.is_some(), scheme == Scheme::Rfc9421, "--key"),
        (
            options.credential.is_some(),
            scheme != Scheme::Sts,
            "--credential",
        ),
        (
            !options.headers.is_empty(),
            scheme != Scheme::Sts,
            "--header",
        ),
    ] {
        if given && !fits {
            bail!("{option} is not for {}", word(scheme));
        }
    }
    Ok(())
}

fn word(scheme: Scheme) -> String {
    let value = scheme.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

fn words(schemes: &[Scheme]) -> String {
    let words: Vec<String> = schemes.iter().map(|scheme| word(*scheme)).collect();
    words.join(", ")
}
