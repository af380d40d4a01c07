//! Attacks on the verifier, after RFC 8725 and the families of Project Wycheproof's JWS vectors.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn key() -> SigningKey {
    SigningKey::from_seed("k1", &[7; 32]).unwrap()
}

fn claims() -> Claims {
    let subject =
        Subject { user: [1; 16].into(), tenant: [2; 16].into(), session: [3; 16].into(), epoch: 0, role: Role::User };
    Claims::new(subject, [4; 16], NOW, Duration::from_secs(900))
}

fn verify(token: &str) -> Result<Claims, Denial> {
    verify_at(token, NOW)
}

fn verify_at(token: &str, now: Timestamp) -> Result<Claims, Denial> {
    let token = Unverified::parse(token)?;
    let public = PublicKey { x: key().public(), until: None };
    if token.kid() == "k1" { token.verify(&public, now) } else { Err(Denial::TokenInvalid) }
}

/// A token with any header and any claims, signed with the real key.
fn forge(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key().pair.sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header(change: impl FnOnce(&mut Value)) -> String {
    let mut header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k1"});
    change(&mut header);
    forge(&header.to_string(), &serde_json::to_string(&claims()).unwrap())
}

fn claim(change: impl FnOnce(&mut Value)) -> String {
    let mut value = serde_json::to_value(claims()).unwrap();
    change(&mut value);
    forge(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, &value.to_string())
}

fn refused(token: &str) {
    assert_eq!(verify(token), Err(Denial::TokenInvalid), "{token}");
}

#[test]
fn our_own_tokens_verify() {
    assert_eq!(verify(&key().sign(&claims()).unwrap()), Ok(claims()));
    assert_eq!(verify(&header(|_| ())), Ok(claims()));
    assert_eq!(verify(&claim(|_| ())), Ok(claims()));
}

#[test]
fn row_01_alg_none_in_every_spelling() {
    for alg in ["none", "None", "NONE", "nOnE", "", "eddsa", "EDDSA", "ES256", "RS256", "Ed25519"] {
        refused(&header(|h| h["alg"] = json!(alg)));
        let signed = header(|h| h["alg"] = json!(alg));
        let (message, _) = signed.rsplit_once('.').unwrap();
        refused(&format!("{message}."));
        refused(message);
    }
    refused(&header(|h| h["alg"] = Value::Null));
    refused(&header(|h| h["alg"] = json!(["EdDSA"])));
}

#[test]
fn row_02_hmac_keyed_with_the_public_key() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims()).unwrap()));
    let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key().public());
    let tag = aws_lc_rs::hmac::sign(&hmac, message.as_bytes());
    refused(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag)));
    // The same tag under the right algorithm's name is no Ed25519 signature either.
    let (_, claims) = message.split_once('.').unwrap();
    let honest = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#);
    refused(&format!("{honest}.{claims}.{}", URL_SAFE_NO_PAD.encode(tag)));
}

#[test]
fn row_03_keys_inside_the_token() {
    let attacker = SigningKey::from_seed("k1", &[9; 32]).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(attacker.public())});
    refused(&header(|h| h["jwk"] = jwk));
    refused(&header(|h| h["jku"] = json!("https://attacker.example/jwks.json")));
    refused(&header(|h| h["x5u"] = json!("https://attacker.example/cert.pem")));
    refused(&header(|h| h["x5c"] = json!(["MIIB"])));
    refused(&attacker.sign(&claims()).unwrap());
}

#[test]
fn row_04_key_ids() {
    for kid in ["", "k2", "../k1", "k1\0", "K1", " k1"] {
        refused(&header(|h| h["kid"] = json!(kid)));
    }
    refused(&header(|h| h["kid"] = json!("k".repeat(10_240))));
    refused(&header(|h| h["kid"] = json!(1)));
    refused(&header(|h| drop(h.as_object_mut().unwrap().remove("kid"))));
}

#[test]
fn row_05_crit_and_b64() {
    refused(&header(|h| h["crit"] = json!(["exp"])));
    refused(&header(|h| h["crit"] = json!([])));
    refused(&header(|h| {
        h["b64"] = json!(false);
        h["crit"] = json!(["b64"]);
    }));
    refused(&header(|h| h["zip"] = json!("DEF")));
    refused(&header(|h| h["cty"] = json!("JWT")));
}

#[test]
fn row_06_other_kinds_of_token_and_missing_members() {
    for typ in ["JWT", "at+JWT", "AT+JWT", "application/at+jwt", "rt+jwt", ""] {
        refused(&header(|h| h["typ"] = json!(typ)));
    }
    refused(&header(|h| drop(h.as_object_mut().unwrap().remove("typ"))));
    for name in ["iss", "aud", "sub", "tid", "sid", "epoch", "role", "iat", "exp", "jti", "client_id"] {
        refused(&claim(|c| drop(c.as_object_mut().unwrap().remove(name))));
        refused(&claim(|c| c[name] = Value::Null));
    }
    refused(&claim(|c| c["aud"] = json!("somebody-else")));
    refused(&claim(|c| c["aud"] = json!(["aura-api"])));
    refused(&claim(|c| c["iss"] = json!("aurа")));
    refused(&claim(|c| c["admin"] = json!(true)));
    refused(&claim(|c| c["role"] = json!("root")));
}

#[test]
fn row_07_times() {
    let now = NOW.secs();
    for wrong in [json!("1800000900"), json!(-1), json!(1e300), json!(1_800_000_900.5), json!([1]), json!(u64::MAX)] {
        refused(&claim(|c| c["exp"] = wrong.clone()));
    }
    refused(&claim(|c| c["nbf"] = json!(now + 6)));
    refused(&claim(|c| c["iat"] = json!(now + 6)));
    refused(&claim(|c| c["exp"] = json!(now + 3_601)));
    refused(&claim(|c| c["exp"] = json!(now)));
    assert!(verify(&claim(|c| c["nbf"] = json!(now + 5))).is_ok());
    let token = key().sign(&claims()).unwrap();
    assert!(verify_at(&token, NOW + Duration::from_secs(904)).is_ok());
    assert_eq!(verify_at(&token, NOW + Duration::from_secs(905)), Err(Denial::TokenExpired));
    assert_eq!(verify_at(&token, NOW - Duration::from_secs(6)), Err(Denial::TokenInvalid));
}

#[test]
fn row_08_spellings_of_the_same_token() {
    let token = key().sign(&claims()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    refused(&format!("{token}."));
    refused(&format!("{token}.e30"));
    refused(&format!(".{token}"));
    refused(&format!(" {token}"));
    refused(&format!("{token}="));
    refused(&format!("{message}.{}", signature.replace(['-', '_'], "+")));
    // The last character of 64 bytes carries four unused bits: any but zero is another spelling.
    let last = signature.chars().last().unwrap();
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars().filter(|&c| c != last) {
        refused(&format!("{message}.{}{other}", &signature[..signature.len() - 1]));
    }
    let claims = serde_json::to_string(&claims()).unwrap();
    let twice = claims.replacen('{', r#"{"role":"admin","#, 1);
    refused(&forge(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, &twice));
    refused(&forge(r#"{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, &claims));
    refused(&forge(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"} x"#, &claims));
    refused(&"a".repeat(4_097));
    refused("");
    refused("..");
}

#[test]
fn row_09_edge_signatures() {
    let token = key().sign(&claims()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    // The order of the group, little endian (RFC 8032, 5.1).
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let with = |r: &[u8], s: &[u8]| format!("{message}.{}", URL_SAFE_NO_PAD.encode([r, s].concat()));
    let (r, s) = signature.split_at(32);
    refused(&with(&[0; 32], &[0; 32]));
    refused(&with(r, &[0; 32]));
    refused(&with(&[0; 32], s));
    refused(&with(r, &order));
    refused(&with(&order, &order));
    refused(&with(&[0xff; 32], &[0xff; 32]));
    // s + order is the same point multiple, and a malleable verifier takes it.
    let mut carry = 0_u16;
    let malleable: Vec<u8> = s
        .iter()
        .zip(order)
        .map(|(&a, b)| {
            carry += u16::from(a) + u16::from(b);
            let byte = carry.to_le_bytes()[0];
            carry >>= 8;
            byte
        })
        .collect();
    refused(&with(r, &malleable));
    refused(&with(r, &s[..31]));
    refused(&with(r, &[s, &[0]].concat()));
    // The identity as public key makes r = identity, s = 0 a signature of everything; it is never one of ours.
    let mut identity = [0_u8; 32];
    identity[0] = 1;
    let forged = with(&identity, &[0; 32]);
    let token = Unverified::parse(&forged).unwrap();
    assert!(token.verify(&PublicKey { x: key().public(), until: None }, NOW).is_err());
}

/// Project Wycheproof's vectors for Ed25519: every edge case is judged as they judge it.
#[test]
fn row_09_wycheproof() {
    use wycheproof::TestResult;
    use wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut judged = 0;
    for group in set.test_groups {
        let key = PublicKey { x: group.key.pk.to_vec(), until: None };
        for test in group.tests {
            let valid = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => continue,
            };
            assert_eq!(key.verifies(&test.msg, &test.sig), valid, "vector {}: {}", test.tc_id, test.comment);
            judged += 1;
        }
    }
    assert!(judged >= 150, "{judged}");
}

#[test]
fn retired_keys_are_gone() {
    let keys = PublicKeys([("old".to_owned(), PublicKey { x: vec![], until: Some(NOW) })].into());
    assert!(keys.get("old", NOW).is_none());
    assert!(keys.get("old", NOW - Duration::from_secs(1)).is_some());
    assert_eq!(keys.live(NOW).count(), 0);
}

proptest! {
    /// Row 8: no text makes the verifier panic, and none but ours is accepted.
    #[test]
    fn row_08_any_text_is_refused(text in "\\PC{0,200}") {
        prop_assert!(verify(&text).is_err());
    }

    /// Rows 8 and 9: any single changed byte of a token makes it invalid.
    #[test]
    fn row_09_any_changed_byte_is_refused(position in 0_usize..400, byte in any::<u8>()) {
        let token = key().sign(&claims()).unwrap();
        let mut bytes = token.clone().into_bytes();
        let position = position % bytes.len();
        bytes[position] = byte;
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        prop_assume!(changed != token);
        prop_assert!(verify(&changed).is_err());
    }

    /// Row 7: whatever the clock says, a token holds for its life and the leeway only.
    #[test]
    fn row_07_life(offset in -100_000_i64..100_000) {
        let token = key().sign(&claims()).unwrap();
        let now = Timestamp::from_secs(NOW.secs().saturating_add_signed(offset));
        prop_assert_eq!(verify_at(&token, now).is_ok(), (-5..905).contains(&offset));
    }
}
