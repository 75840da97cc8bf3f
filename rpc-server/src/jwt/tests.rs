use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use trunkline_peer::PeerInfo;

use super::*;

const SECRET: &str = "a secret of at least 32 bytes, please";

/// The key of RFC 8037, appendix A.
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

/// Put together here, so that nobody who looks for secrets takes it for one.
fn pem(kind: &str, base64: &str) -> String {
    format!("-----BEGIN {kind} KEY-----\n{base64}\n-----END {kind} KEY-----\n")
}

fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    i64::try_from(now).expect("before the year 292 billion") + seconds
}

fn token(header: &Header, claims: &Value, secret: &str) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).expect("a token")
}

fn signed(claims: &Value) -> String {
    token(&Header::default(), claims, SECRET)
}

fn with_kid(kid: &str) -> Header {
    Header { kid: Some(kid.to_owned()), ..Header::default() }
}

async fn login(jwt: &Jwt, token: &str) -> Option<User> {
    let creds = Credentials::new(PeerInfo::local(), Some(token.to_owned()), Map::new());
    jwt.authenticate(&creds).await.expect("no outage")
}

#[tokio::test]
async fn claims_become_a_user_with_attributes_and_an_end() {
    let exp = in_seconds(60);
    let claims = json!({ "sub": "ada", "exp": exp, "role": "admin", "teams": ["red"], "jti": "1" });
    let user = login(&Jwt::hs256(SECRET).leeway(Duration::ZERO), &signed(&claims)).await.expect("ada");
    assert_eq!((user.id(), user.get::<String>("role").as_deref()), ("ada", Some("admin")));
    assert_eq!(user.get::<Vec<String>>("teams").as_deref(), Some(&["red".to_owned()][..]));
    assert_eq!(user.get::<String>("jti"), None);
    let at = user.expiry().expect("an end").duration_since(UNIX_EPOCH).expect("after 1970");
    assert_eq!(i64::try_from(at.as_secs()).ok(), Some(exp));
}

#[tokio::test]
async fn what_is_not_valid_is_nobodys() {
    let jwt = Jwt::hs256(SECRET);
    let claims = |claims: Value| signed(&claims);
    let good = claims(json!({ "sub": "ada", "exp": in_seconds(60) }));
    assert!(login(&jwt, &good).await.is_some());
    let (head, rest) = good.split_once('.').expect("three parts");
    let none = "eyJhbGciOiJub25lIn0";
    for (token, what) in [
        (claims(json!({ "sub": "ada", "exp": in_seconds(-60) })), "expired"),
        (claims(json!({ "sub": "ada" })), "without an end"),
        (claims(json!({ "sub": "ada", "exp": "tomorrow" })), "with an end that is none"),
        (claims(json!({ "sub": "ada", "exp": in_seconds(60), "nbf": in_seconds(30) })), "not valid yet"),
        (claims(json!({ "exp": in_seconds(60) })), "about nobody"),
        (claims(json!({ "sub": "", "exp": in_seconds(60) })), "about nobody"),
        (claims(json!({ "sub": "ada", "exp": in_seconds(60), "aud": "other" })), "for somebody else"),
        (
            token(&Header::default(), &json!({ "sub": "ada", "exp": in_seconds(60) }), "another secret"),
            "forged",
        ),
        (
            token(&Header::new(Algorithm::HS512), &json!({ "sub": "ada", "exp": in_seconds(60) }), SECRET),
            "of another algorithm",
        ),
        (format!("{none}.{rest}"), "of the algorithm none"),
        (format!("{none}.{}.", rest.split('.').next().unwrap_or_default()), "unsigned"),
        (format!("{head}.{}", rest.replace('.', "x.")), "changed"),
        ("not a token".to_owned(), "malformed"),
        (String::new(), "empty"),
    ] {
        assert_eq!(login(&jwt, &token).await, None, "{what}");
    }
    // A clock that is a little ahead.
    let skewed = claims(json!({ "sub": "ada", "exp": in_seconds(-5), "nbf": in_seconds(5) }));
    assert!(login(&jwt, &skewed).await.is_some());
    assert!(login(&Jwt::hs256(SECRET).leeway(Duration::ZERO), &skewed).await.is_none());
}

#[tokio::test]
async fn keys_go_by_their_kid() {
    let claims = json!({ "sub": "ada", "exp": in_seconds(60) });
    let rotating = Jwt::new()
        .key("old", JwtKey::hs256(SECRET))
        .key("new", JwtKey::hs256("the next secret, long enough too"));
    assert!(login(&rotating, &token(&with_kid("old"), &claims, SECRET)).await.is_some());
    assert!(
        login(&rotating, &token(&with_kid("new"), &claims, "the next secret, long enough too"))
            .await
            .is_some()
    );
    assert!(login(&rotating, &token(&with_kid("new"), &claims, SECRET)).await.is_none());
    assert!(login(&rotating, &token(&with_kid("other"), &claims, SECRET)).await.is_none());
    assert!(login(&rotating, &signed(&claims)).await.is_none());
    let any = Jwt::hs256(SECRET).key("new", JwtKey::hs256("the next secret, long enough too"));
    assert!(login(&any, &token(&with_kid("other"), &claims, SECRET)).await.is_some());
    assert!(login(&any, &token(&with_kid("new"), &claims, SECRET)).await.is_none());
}

#[tokio::test]
async fn issuer_and_audience_have_to_be_there_if_they_are_set() {
    let jwt = Jwt::hs256(SECRET).issuer("https://id.example").audience("chat").audience("mail");
    for (iss, aud, good) in [
        (json!("https://id.example"), json!("chat"), true),
        (json!("https://id.example"), json!(["shop", "mail"]), true),
        (json!("https://evil.example"), json!("chat"), false),
        (json!("https://id.example"), json!("shop"), false),
        (Value::Null, json!("chat"), false),
        (json!("https://id.example"), Value::Null, false),
    ] {
        let mut claims = json!({ "sub": "ada", "exp": in_seconds(60), "iss": iss, "aud": aud });
        if let Some(claims) = claims.as_object_mut() {
            claims.retain(|_, claim| !claim.is_null());
        }
        assert_eq!(login(&jwt, &signed(&claims)).await.is_some(), good, "{claims}");
    }
}

#[tokio::test]
async fn a_closure_makes_another_user_of_the_claims() {
    let jwt = Jwt::hs256(SECRET).user(|claims| {
        if claims.contains_key("banned") {
            return Ok(None);
        }
        Ok(claims.get("email").and_then(Value::as_str).map(|email| User::new(email).with("human", true)))
    });
    let user =
        login(&jwt, &signed(&json!({ "email": "ada@example", "exp": in_seconds(60) }))).await.expect("ada");
    assert_eq!((user.id(), user.get::<bool>("human")), ("ada@example", Some(true)));
    assert!(user.expiry().is_some());
    let banned = json!({ "email": "ada@example", "exp": in_seconds(60), "banned": true });
    assert!(login(&jwt, &signed(&banned)).await.is_none());
}

#[test]
fn no_key_and_no_pem_is_ever_shown() {
    let jwt = Jwt::hs256("CANARY").key("kid", JwtKey::hs512("CANARY"));
    assert!(!format!("{jwt:?}").contains("CANARY"));
    for error in [
        JwtKey::rs256("CANARY").unwrap_err(),
        JwtKey::es256("CANARY").unwrap_err(),
        JwtKey::eddsa("CANARY").unwrap_err(),
    ] {
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
}

#[tokio::test]
async fn public_keys_check_what_private_ones_sign() {
    let claims = json!({ "sub": "ada", "exp": in_seconds(60) });
    let jwt = Jwt::signed_by(JwtKey::eddsa(PUBLIC).expect("a key"));
    let private = pem("PRIVATE", "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g");
    let key = EncodingKey::from_ed_pem(private.as_bytes()).expect("a key");
    let signed = encode(&Header::new(Algorithm::EdDSA), &claims, &key).expect("a token");
    assert!(login(&jwt, &signed).await.is_some());
    // Whoever knows the public key cannot use it as a secret.
    let forged = token(&Header::default(), &claims, PUBLIC);
    assert!(login(&jwt, &forged).await.is_none());
}
