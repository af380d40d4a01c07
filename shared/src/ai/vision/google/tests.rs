use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::encoding::Pkcs8V1Der;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::*;
use crate::ai::scripted::{Line, listen};

/// A key file of a key that was made just now, and its public half.
fn file(token_url: &str) -> (Secret, Vec<u8>) {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    let file = json!({
        "type": "service_account", "project_id": "p", "private_key_id": "key-1", "private_key": pem,
        "client_email": "aura@p.iam.gserviceaccount.com", "token_uri": token_url,
    });
    (Secret::new(file.to_string()), key.public_key().as_ref().to_vec())
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn granted(token: &str, seconds: u64) -> Line {
    let body = json!({"access_token": token, "expires_in": seconds, "token_type": "Bearer"});
    Line::Answer(200, "content-type: application/json\r\n", body.to_string())
}

#[tokio::test]
async fn a_token_is_bought_with_a_signed_statement_and_kept_until_shortly_before_its_end() {
    let (address, requests) = listen(vec![granted("first", 3_600), granted("second", 3_600)]).await;
    let (file, public) = file(&format!("{address}/token"));
    let clock = Clock::manual(Timestamp::from_secs(1_795_000_000));
    let account = ServiceAccount::read(&file, clock.clone()).unwrap();
    let count = || requests.lock().unwrap().len();
    let (a, b) = tokio::join!(account.token(soon()), account.token(soon()));
    assert_eq!((a.unwrap().expose(), b.unwrap().expose(), count()), ("first", "first", 1));
    clock.advance(Duration::from_secs(3_479));
    assert_eq!((account.token(soon()).await.unwrap().expose(), count()), ("first", 1));
    clock.advance(Duration::from_secs(1));
    assert_eq!((account.token(soon()).await.unwrap().expose(), count()), ("second", 2));

    let (head, body) = requests.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /token ") && head.contains("content-type: application/x-www-form-urlencoded"));
    let statement =
        body.strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=").unwrap();
    let (text, signature) = statement.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public).verify(text.as_bytes(), &signature).unwrap();
    let parts: Vec<Value> =
        text.split('.').map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()).collect();
    assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"}));
    let claims = json!({
        "iss": "aura@p.iam.gserviceaccount.com", "scope": SCOPE, "aud": format!("{address}/token"),
        "iat": 1_795_000_000, "exp": 1_795_003_600,
    });
    assert_eq!(parts[1], claims);
}

#[tokio::test]
async fn a_refused_statement_is_a_failure_and_not_kept() {
    let refused = Line::Answer(400, "", r#"{"error": "invalid_grant", "error_description": "canary"}"#.to_owned());
    let (address, _) = listen(vec![refused, granted("", 3_600), granted("good", 3_600)]).await;
    let account = ServiceAccount::read(&file(&address).0, Clock::system()).unwrap();
    let failure = account.token(soon()).await.unwrap_err();
    assert_eq!((failure.code.as_deref(), failure.http_status()), (Some("invalid_grant"), Some(400)));
    assert_eq!(account.token(soon()).await.unwrap_err().kind, Kind::Unreadable);
    assert_eq!(account.token(soon()).await.unwrap().expose(), "good");
}

#[test]
fn a_broken_file_says_nothing_of_itself() {
    let with = |key: &str| json!({"client_email": "canary", "private_key": key}).to_string();
    let not_rsa = "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----";
    for text in ["canary".to_owned(), "{\"canary\": 1}".to_owned(), with("canary"), with(not_rsa)] {
        let Err(Error::Internal { source }) = ServiceAccount::read(&Secret::new(text), Clock::system()) else {
            panic!("an internal error")
        };
        assert!(!source.to_string().contains("canary"), "{source}");
    }
}
