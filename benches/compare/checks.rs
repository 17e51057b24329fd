//! What a path asks of a caller, as whoever calls and whoever is called must know it.

/// What a path asks of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    pub tls: bool,
    /// A client certificate; only with TLS.
    pub certificate: bool,
    pub signature: Option<Scheme>,
}

/// How requests are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    SigV4,
    /// With an Ed25519 key.
    Rfc9421,
}

impl Checks {
    pub const NONE: Self = Self {
        tls: false,
        certificate: false,
        signature: None,
    };
    pub const TLS: Self = Self {
        tls: true,
        ..Self::NONE
    };
    pub const CERTIFICATE: Self = Self {
        certificate: true,
        ..Self::TLS
    };

    pub const fn and(self, scheme: Scheme) -> Self {
        Self {
            signature: Some(scheme),
            ..self
        }
    }

    /// The same without the last thing that it asks for; `None` if that is none.
    pub fn less(self) -> Option<Self> {
        let mut less = self;
        let takes_one = less.signature.take().is_some() || std::mem::take(&mut less.certificate);
        takes_one.then_some(less)
    }

    /// In words, for tables.
    pub fn words(self) -> String {
        let words = [
            self.tls.then_some("TLS"),
            self.certificate.then_some("certificate"),
            self.signature.map(|scheme| match scheme {
                Scheme::SigV4 => "SigV4",
                Scheme::Rfc9421 => "RFC 9421",
            }),
        ];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        match words.is_empty() {
            true => "nothing".to_owned(),
            false => words.join(" + "),
        }
    }
}
