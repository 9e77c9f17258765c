//! Digest authentication: RFC 7616 and 8760, with the older RFC 2617 forms still met in the field.

use crate::message::Message;
use crate::message::fields::{quote, split, unquote};
use md5::Md5;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Hash and whether it is the session variant. Greater is stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// `MD5`, also when none is named.
    Md5,
    /// `MD5-sess`.
    Md5Sess,
    /// `SHA-256`.
    Sha256,
    /// `SHA-256-sess`.
    Sha256Sess,
}

impl Algorithm {
    fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "MD5" => Self::Md5,
            "MD5-SESS" => Self::Md5Sess,
            "SHA-256" => Self::Sha256,
            "SHA-256-SESS" => Self::Sha256Sess,
            _ => return None,
        })
    }

    /// The name as it stands in a field.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
        }
    }

    fn session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }

    fn hash(self, bytes: &[u8]) -> String {
        use std::fmt::Write;
        let digest: Vec<u8> = match self {
            Self::Md5 | Self::Md5Sess => Md5::digest(bytes).to_vec(),
            Self::Sha256 | Self::Sha256Sess => Sha256::digest(bytes).to_vec(),
        };
        digest.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// One challenge of a 401 or 407.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// From Proxy-Authenticate rather than WWW-Authenticate.
    pub proxy: bool,
    /// The protection space.
    pub realm: String,
    /// Server nonce.
    pub nonce: String,
    /// To be given back unchanged.
    pub opaque: Option<String>,
    /// The last nonce was too old, the password itself was right.
    pub stale: bool,
    /// The algorithm asked for.
    pub algorithm: Algorithm,
    /// `auth` is offered.
    pub auth: bool,
    /// `auth-int` is offered.
    pub auth_int: bool,
}

impl Challenge {
    /// Every challenge of a response that we can answer, strongest first.
    pub fn read(response: &Message) -> Vec<Challenge> {
        let mut challenges = Vec::new();
        for (field, proxy) in [("WWW-Authenticate", false), ("Proxy-Authenticate", true)] {
            for value in response.headers.all(field) {
                challenges.extend(Self::parse(value, proxy));
            }
        }
        // Stable: among equals the server's order counts (RFC 8760 2.4).
        challenges.sort_by_key(|c| std::cmp::Reverse(c.algorithm));
        challenges
    }

    /// Reads one field value.
    pub fn parse(value: &str, proxy: bool) -> Option<Challenge> {
        let params = Fields::parse(value)?;
        let qop = params.get("qop");
        let has =
            |name: &str| qop.as_deref().is_some_and(|q| q.split(',').any(|m| m.trim().eq_ignore_ascii_case(name)));
        let (auth, auth_int) = (has("auth"), has("auth-int"));
        if qop.is_some() && !auth && !auth_int {
            return None;
        }
        Some(Challenge {
            proxy,
            realm: params.get("realm")?,
            nonce: params.get("nonce")?,
            opaque: params.get("opaque"),
            stale: params.get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
            algorithm: Algorithm::parse(params.get("algorithm").as_deref().unwrap_or("MD5"))?,
            auth,
            auth_int,
        })
    }
}

/// `Digest name=value, …`
struct Fields(BTreeMap<String, String>);

impl Fields {
    fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut params = BTreeMap::new();
        for part in split(rest, ',') {
            if let Some((name, value)) = part.split_once('=') {
                params.insert(name.trim().to_ascii_lowercase(), unquote(value));
            }
        }
        Some(Self(params))
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

/// What a response digest is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Algorithm.
    pub algorithm: Algorithm,
    /// User name.
    pub username: &'a str,
    /// Realm.
    pub realm: &'a str,
    /// Method of the request.
    pub method: &'a str,
    /// Digest-URI, as in the field.
    pub uri: &'a str,
    /// Server nonce.
    pub nonce: &'a str,
    /// `auth`, `auth-int` or the old form without.
    pub qop: Option<&'a str>,
    /// Nonce count in eight hex digits.
    pub nc: &'a str,
    /// Client nonce.
    pub cnonce: &'a str,
    /// Body of the request.
    pub body: &'a [u8],
}

/// The response value (RFC 7616 3.4.1).
pub fn response(parts: Parts<'_>, password: &SecretString) -> String {
    let hash = |text: String| parts.algorithm.hash(text.as_bytes());
    let mut a1 = hash(format!("{}:{}:{}", parts.username, parts.realm, password.expose_secret()));
    if parts.algorithm.session() {
        a1 = hash(format!("{a1}:{}:{}", parts.nonce, parts.cnonce));
    }
    let a2 = match parts.qop {
        Some("auth-int") => hash(format!("{}:{}:{}", parts.method, parts.uri, parts.algorithm.hash(parts.body))),
        _ => hash(format!("{}:{}", parts.method, parts.uri)),
    };
    match parts.qop {
        Some(qop) => hash(format!("{a1}:{}:{}:{}:{qop}:{a2}", parts.nonce, parts.nc, parts.cnonce)),
        None => hash(format!("{a1}:{}:{a2}", parts.nonce)),
    }
}

/// The account's credentials, and the one realm they may be shown to.
pub struct Wallet {
    username: String,
    password: SecretString,
    realm: Option<String>,
    counts: BTreeMap<String, u32>,
}

impl Wallet {
    /// Credentials not yet bound to a realm.
    pub fn new(username: &str, password: SecretString) -> Self {
        Self { username: username.to_owned(), password, realm: None, counts: BTreeMap::new() }
    }

    /// From now on no other realm gets a digest.
    pub fn pin(&mut self, realm: &str) {
        self.realm.get_or_insert_with(|| realm.to_owned());
    }

    /// The pinned realm.
    pub fn pinned(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// Name and value of the field that answers the challenge.
    pub fn answer(&mut self, challenge: &Challenge, request: &Message, cnonce: &str) -> (&'static str, String) {
        if self.counts.len() > 32 {
            self.counts.clear();
        }
        let count = self.counts.entry(challenge.nonce.clone()).or_insert(0);
        *count += 1;
        let nc = format!("{count:08x}");
        let qop = match (challenge.auth, challenge.auth_int) {
            (true, _) => Some("auth"),
            (false, true) => Some("auth-int"),
            (false, false) => None,
        };
        let parts = Parts {
            algorithm: challenge.algorithm,
            username: &self.username,
            realm: &challenge.realm,
            method: request.method(),
            uri: request.uri(),
            nonce: &challenge.nonce,
            qop,
            nc: &nc,
            cnonce,
            body: &request.body,
        };
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\", algorithm={}",
            quote(&self.username),
            quote(&challenge.realm),
            quote(&challenge.nonce),
            quote(request.uri()),
            response(parts, &self.password),
            challenge.algorithm.name(),
        );
        if let Some(qop) = qop {
            value.push_str(&format!(", qop={qop}, nc={nc}"));
        }
        if qop.is_some() || challenge.algorithm.session() {
            value.push_str(&format!(", cnonce={}", quote(cnonce)));
        }
        if let Some(opaque) = &challenge.opaque {
            value.push_str(&format!(", opaque={}", quote(opaque)));
        }
        (if challenge.proxy { "Proxy-Authorization" } else { "Authorization" }, value)
    }
}

/// What a client claims in an Authorization field; the registrar's side.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who it says it is.
    pub username: String,
    /// The nonce it answers.
    pub nonce: String,
    realm: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    qop: Option<String>,
    nc: String,
    cnonce: String,
}

impl Claim {
    /// Reads the field value.
    pub fn parse(value: &str) -> Option<Self> {
        let params = Fields::parse(value)?;
        Some(Self {
            username: params.get("username")?,
            nonce: params.get("nonce")?,
            realm: params.get("realm")?,
            uri: params.get("uri")?,
            response: params.get("response")?,
            algorithm: Algorithm::parse(params.get("algorithm").as_deref().unwrap_or("MD5"))?,
            qop: params.get("qop"),
            nc: params.get("nc").unwrap_or_default(),
            cnonce: params.get("cnonce").unwrap_or_default(),
        })
    }

    /// Whether the one who sent `request` knows the password.
    pub fn proves(&self, request: &Message, realm: &str, password: &SecretString) -> bool {
        let parts = Parts {
            algorithm: self.algorithm,
            username: &self.username,
            realm,
            method: request.method(),
            uri: &self.uri,
            nonce: &self.nonce,
            qop: self.qop.as_deref(),
            nc: &self.nc,
            cnonce: &self.cnonce,
            body: &request.body,
        };
        let right = response(parts, password);
        // Compared without an early exit, so that time tells nothing.
        self.realm == realm
            && self.uri == request.uri()
            && right.len() == self.response.len()
            && right.bytes().zip(self.response.bytes()).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(algorithm: Algorithm, qop: Option<&str>) -> String {
        response(
            Parts {
                algorithm,
                username: "Mufasa",
                realm: "http-auth@example.org",
                method: "GET",
                uri: "/dir/index.html",
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                qop,
                nc: "00000001",
                cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                body: b"",
            },
            &SecretString::from("Circle of Life"),
        )
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        assert_eq!(http(Algorithm::Md5, Some("auth")), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            http(Algorithm::Sha256, Some("auth")),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn the_example_of_rfc_2617_comes_out() {
        let parts = Parts {
            algorithm: Algorithm::Md5,
            username: "Mufasa",
            realm: "testrealm@host.com",
            method: "GET",
            uri: "/dir/index.html",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            qop: Some("auth"),
            nc: "00000001",
            cnonce: "0a4f113b",
            body: b"",
        };
        let password = SecretString::from("Circle Of Life");
        assert_eq!(response(parts, &password), "6629fae49393a05397450978507c4ef1");
        // RFC 2069 form, erratum 749.
        let old = Parts { qop: None, ..parts };
        assert_eq!(response(old, &password), "670fd8c2df070c60b045671b8b24ff02");
    }

    fn challenged(fields: &[&str]) -> Vec<Challenge> {
        let mut message = Message::response(&Message::request("REGISTER", "sip:a"), 401, "");
        for field in fields {
            message.headers.push("WWW-Authenticate", *field);
        }
        Challenge::read(&message)
    }

    #[test]
    fn the_strongest_challenge_comes_first_and_unknown_ones_are_left_out() {
        let read = challenged(&[
            r#"Digest realm="r", nonce="1", qop="auth,auth-int""#,
            r#"Digest realm="r", nonce="2", algorithm=SHA-512-256, qop="auth""#,
            r#"Digest realm="r", nonce="3", algorithm=SHA-256, qop="auth", stale=TRUE"#,
            r#"NoOneKnowsThisScheme opaque-data=here"#,
        ]);
        assert_eq!(read.iter().map(|c| c.nonce.as_str()).collect::<Vec<_>>(), ["3", "1"]);
        assert!(read[0].stale && read[1].auth_int);
    }

    #[test]
    fn what_the_wallet_answers_the_registrar_accepts_in_every_variant() {
        for algorithm in ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"] {
            for qop in ["", ", qop=\"auth\"", ", qop=\"auth-int\""] {
                let challenge =
                    &challenged(&[&format!(r#"Digest realm="a \"b\"", nonce="n,1", algorithm={algorithm}{qop}"#)])[0];
                let mut request = Message::request("INVITE", "sip:bob@example.org");
                request.set_body("application/sdp", "v=0\r\n");
                let mut wallet = Wallet::new("al\"ice", SecretString::from("secret"));
                let (_, value) = wallet.answer(challenge, &request, "cn");
                let claim = Claim::parse(&value).unwrap();
                assert!(claim.proves(&request, "a \"b\"", &SecretString::from("secret")), "{algorithm}{qop}");
                assert!(!claim.proves(&request, "a \"b\"", &SecretString::from("wrong")));
                if qop.contains("int") {
                    request.body = b"v=1".to_vec();
                    assert!(!claim.proves(&request, "a \"b\"", &SecretString::from("secret")));
                }
            }
        }
    }

    #[test]
    fn the_nonce_count_rises_with_each_use() {
        let challenge = &challenged(&[r#"Digest realm="r", nonce="1", qop="auth", opaque="xyz""#])[0];
        let mut wallet = Wallet::new("alice", SecretString::from("secret"));
        let request = Message::request("REGISTER", "sip:a");
        assert!(wallet.answer(challenge, &request, "c").1.contains("nc=00000001"));
        let again = wallet.answer(challenge, &request, "c").1;
        assert!(again.contains("nc=00000002") && again.contains("opaque=\"xyz\""));
    }
}
