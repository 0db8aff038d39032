//! The reviewers' pages, as settings describe them, and how they are read from them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::read::{section, share};
use crate::document::{self, Faults, Fields, Node};

/// How reviewers reach their pages, and for how long they are let in.
#[derive(Clone, Debug)]
pub struct ConsoleSettings {
    /// Where browsers reach the service, such as `https://copy.example.com`, without a path; without one, wherever they ask.
    pub address: Option<String>,
    /// How long a session lasts at most: five minutes to seven days.
    pub session: Duration,
    /// How long a session lasts that nobody uses: from a minute on, and never longer than `session`.
    pub idle: Duration,
    /// Whether the last address of `x-forwarded-for` is who asks: a proxy that sets it stands before the service.
    pub forwarded: bool,
    /// The share of decided texts that a second person looks at, from 0 to 1.
    pub second_looks: f64,
    /// Who else says who somebody is; nobody without one.
    pub oidc: Option<OidcSettings>,
}

impl ConsoleSettings {
    /// Whether browsers reach the service by https alone.
    pub fn is_https(&self) -> bool {
        self.address.as_ref().is_some_and(|address| address.starts_with("https://"))
    }
}

/// A provider of OpenID Connect, and what its claims come to here.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// Its issuer identifier: an https address, or one of this machine.
    pub issuer: String,
    /// What it calls this service.
    pub client_id: String,
    /// How this service proves to be that; without one, by PKCE alone.
    pub client_secret: Option<ClientSecret>,
    /// What it is asked for, parted by blanks; `openid` is among them.
    pub scopes: String,
    /// The claim that holds the name which is shown.
    pub name_claim: String,
    /// The claim that holds what roles are given for: one text, or a list of them.
    pub role_claim: String,
    /// The values of that claim, by the role that they give.
    pub roles: OidcRoles,
}

/// Values of a claim by the role that they give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OidcRoles {
    /// Of those who decide on texts.
    pub review: Vec<String>,
    /// Of those who decide on rules.
    pub compliance: Vec<String>,
    /// Of those who do both.
    pub admin: Vec<String>,
}

/// Where the secret of a client comes from.
#[derive(Clone, Debug)]
pub enum ClientSecret {
    /// It stood in the environment.
    Given(SecretString),
    /// It stands alone in a file, which is read when the service starts.
    File(PathBuf),
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Longer texts of the provider's settings would not fit into the cookie of a session.
const LONGEST_ISSUER: usize = 250;

/// Reads `[console]`.
pub(super) fn read(
    fields: &mut Fields<'_>,
    environment: &BTreeMap<String, String>,
    faults: &Faults,
) -> Option<ConsoleSettings> {
    let address_node = fields.take("address");
    let address = address_node.and_then(|node| address(node, faults));
    let session_node = fields.take("session");
    let session = session_node.and_then(|node| document::duration(node, faults));
    if let (Some(node), Some(session)) = (session_node, session)
        && !(5 * MINUTE..=7 * DAY).contains(&session)
    {
        let message = "a session lasts from five minutes to seven days";
        faults.error_with_help(node.span, message, "write it as `12h`");
    }
    let idle_node = fields.take("idle");
    let idle = idle_node.and_then(|node| document::duration(node, faults));
    if let (Some(node), Some(idle), Some(session)) = (idle_node, idle, session)
        && !(MINUTE..=session).contains(&idle)
    {
        let message = "a session that nobody uses ends after a minute or more, and no later than any other";
        faults.error_with_help(node.span, message, "write it as `2h`, and no longer than `session`");
    }
    let forwarded = fields.take("forwarded").and_then(|node| document::boolean(node, faults));
    let second_looks = fields.take("second_looks").and_then(|node| {
        let help = "write the part of the texts that a second person looks at, from 0 to 1";
        share(node, help, faults)
    });
    let oidc = section(fields, "oidc", faults, |fields| oidc(fields, environment, faults)).flatten();
    if let (Some(node), Some(""), Some(_)) = (address_node, address.as_deref(), &oidc) {
        let message = "the provider of `[console.oidc]` has to lead people back, and nothing says where to";
        faults.error_with_help(node.span, message, "write it as `https://copy.example.com`");
    }
    Some(ConsoleSettings {
        address: Some(address?).filter(|address| !address.is_empty()),
        session: session?,
        idle: idle?,
        forwarded: forwarded?,
        second_looks: second_looks?,
        oidc,
    })
}

/// The address of a service without a path, as browsers write it; the empty text where none is given.
fn address(node: &Node, faults: &Faults) -> Option<String> {
    let text = document::text(node, faults)?;
    if text.is_empty() {
        return Some(text);
    }
    let url = Url::parse(&text).ok().filter(|url| {
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let has_no_user = url.username().is_empty() && url.password().is_none();
        ["http", "https"].contains(&url.scheme()) && is_bare && has_no_user
    });
    if url.is_none() {
        let message = "this is not where browsers reach the service: scheme, host and nothing behind it";
        faults.error_with_help(node.span, message, "write it as `https://copy.example.com`");
    }
    url.map(|url| url.origin().ascii_serialization())
}

fn oidc(
    fields: &mut Fields<'_>,
    environment: &BTreeMap<String, String>,
    faults: &Faults,
) -> Option<OidcSettings> {
    let issuer_node = fields.require(
        "issuer",
        "write `issuer = \"https://login.example.com\"`, as the provider says it",
        faults,
    );
    let issuer = issuer_node.and_then(|node| document::text(node, faults));
    if let (Some(node), Some(issuer)) = (issuer_node, &issuer)
        && (!is_trustworthy(issuer) || issuer.len() > LONGEST_ISSUER)
    {
        let message =
            "an issuer is an https address without user, query and fragment, or one of this machine";
        faults.error_with_help(
            node.span,
            message,
            "write it as the provider says it, such as `https://login.example.com`",
        );
    }
    let client_id = fields.require_text(
        "client_id",
        "write `client_id = \"copyrail\"`, as the provider calls this service",
        faults,
    );
    let client_secret = client_secret(fields, environment, faults);
    let scopes_node = fields.take("scopes");
    let scopes = scopes_node.and_then(|node| document::text(node, faults));
    if let (Some(node), Some(scopes)) = (scopes_node, &scopes)
        && !scopes.split(' ').any(|scope| scope == "openid")
    {
        let message = "without `openid` a provider says nothing of who somebody is";
        faults.error_with_help(node.span, message, "write it as `openid profile email`, parted by blanks");
    }
    let mut claim = |key, usual: &str| {
        let node = fields.take(key);
        let name = node.and_then(|node| document::text(node, faults));
        if let (Some(node), Some("")) = (node, name.as_deref()) {
            faults.error_with_help(node.span, "this names no claim", format!("write it as `{usual}`"));
        }
        name.unwrap_or_else(|| usual.to_owned())
    };
    let (name_claim, role_claim) = (claim("name_claim", "name"), claim("role_claim", "groups"));
    let help = "write `roles = {review = [\"copy-reviewers\"]}`: for each role the values that give it";
    let roles_node = fields.require("roles", help, faults);
    let roles = roles_node.and_then(|node| {
        let mut fields = super::read::table(node, "`roles`", help, faults)?;
        let mut values = |key| fields.texts(key, faults);
        let roles =
            OidcRoles { review: values("review"), compliance: values("compliance"), admin: values("admin") };
        fields.finish(faults);
        let all = [&roles.review, &roles.compliance, &roles.admin];
        if all.iter().all(|values| values.is_empty()) {
            faults.error_with_help(node.span, "nobody could ever sign in", help);
        } else if all.iter().any(|values| values.iter().any(String::is_empty)) {
            faults.error_with_help(node.span, "the empty text gives no role", help);
        }
        Some(roles)
    });
    Some(OidcSettings {
        issuer: issuer?,
        client_id: client_id?,
        client_secret,
        scopes: scopes.unwrap_or_else(|| "openid profile email".to_owned()),
        name_claim,
        role_claim,
        roles: roles?,
    })
}

fn client_secret(
    fields: &mut Fields<'_>,
    environment: &BTreeMap<String, String>,
    faults: &Faults,
) -> Option<ClientSecret> {
    let (variable, file) = (fields.take("client_secret_env"), fields.take("client_secret_file"));
    if let (Some(_), Some(file)) = (variable, file) {
        let help = "write `client_secret_env` or `client_secret_file`";
        faults.error_with_help(file.span, "the secret comes from one place", help);
    }
    if let Some(node) = variable {
        let name = document::text(node, faults)?;
        let secret = environment.get(&name).filter(|secret| !secret.is_empty());
        if secret.is_none() {
            let help = format!("set {name} to the secret that the provider gave this service");
            faults.error_with_help(node.span, format!("the variable {name} is not set"), help);
        }
        return secret.map(|secret| ClientSecret::Given(secret.clone().into()));
    }
    let path = document::text(file?, faults)?;
    Some(ClientSecret::File(PathBuf::from(path)))
}

/// Whether an address can be believed to be of whom it names: by https, or because it is of this machine. Without user,
/// query and fragment.
pub fn is_trustworthy(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| {
        let is_here = match url.host_str() {
            Some(host) => {
                let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
                host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
            }
            None => false,
        };
        let is_bare = url.query().is_none() && url.fragment().is_none();
        let has_no_user = url.username().is_empty() && url.password().is_none();
        (url.scheme() == "https" || (url.scheme() == "http" && is_here)) && is_bare && has_no_user
    })
}
