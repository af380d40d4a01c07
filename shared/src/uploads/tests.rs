use super::*;

fn uploads(lookup: &'static [(&'static str, &'static str)]) -> Uploads {
    let find = |name: &str| lookup.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let config = Config::from_lookup(|name| match name {
        "UPLOAD_BUCKET" => Some("bucket".to_owned()),
        "AWS_ACCESS_KEY_ID" => Some("AKIA".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("secret".to_owned()),
        name => find(name),
    });
    Uploads::new(&config.unwrap()).unwrap().unwrap()
}

fn owner() -> UserId {
    UserId::from([0xAB; 16])
}

#[test]
fn a_form_is_good_for_one_object() {
    let uploads = uploads(&[("AWS_SESSION_TOKEN", "token")]);
    let request = serde_json::from_value(json!({"contentType": "image/JPG", "size": 12_345})).unwrap();
    let now = Timestamp::from_secs(1_795_000_000);
    let form = uploads.form(owner(), request, now).unwrap();
    let key = form.image_key.to_string();
    assert!(key.starts_with(&format!("uploads/{}/", owner())), "{key}");
    assert_eq!(form.url, "https://bucket.s3.us-east-1.amazonaws.com");
    let policy = STANDARD.decode(form.fields["policy"].as_str().unwrap()).unwrap();
    let policy: Value = serde_json::from_slice(&policy).unwrap();
    assert_eq!(policy["expiration"], (now + Duration::from_secs(600)).rfc3339());
    assert_eq!(
        policy["conditions"],
        json!([
            {"bucket": "bucket"},
            ["content-length-range", 12_345, 12_345],
            ["eq", "$Content-Type", "image/jpeg"],
            ["eq", "$key", key],
            ["eq", "$x-amz-algorithm", "AWS4-HMAC-SHA256"],
            ["eq", "$x-amz-credential", "AKIA/20261118/us-east-1/s3/aws4_request"],
            ["eq", "$x-amz-date", "20261118T110640Z"],
            ["eq", "$x-amz-security-token", "token"],
        ])
    );
    // Every field but the policy and its signature is held by a condition.
    assert_eq!(form.fields.len(), policy["conditions"].as_array().unwrap().len());
    assert!(!serde_json::to_string(&form).unwrap().contains("secret\""));
}

#[test]
fn what_is_no_image_or_too_large_gets_no_form() {
    for (media_type, size) in
        [("image/svg+xml", 1), ("text/html", 1), ("", 1), ("image/png", 0), ("image/png", MOST + 1)]
    {
        let body = json!({"contentType": media_type, "size": size});
        assert!(serde_json::from_value::<Request>(body).is_err(), "{media_type} {size}");
    }
    let body = json!({"contentType": "image/png", "size": 5, "key": "uploads/x"});
    assert!(serde_json::from_value::<Request>(body).is_err());
    let size = serde_json::from_value::<Request>(json!({"contentType": "image/png", "size": MOST}));
    assert_eq!(size.unwrap().size, 20_000_000);
}

#[test]
fn row_27_only_its_owner_can_name_an_upload() {
    let key = Key { owner: owner(), id: UploadId::from([1; 16]) };
    let text = key.to_string();
    assert_eq!(Key::owned(&text, owner()).unwrap(), key);
    let other = UserId::from([0xCD; 16]);
    for (text, owner) in [
        (text.clone(), other),
        (text.to_uppercase(), owner()),
        (format!("{text}/x"), owner()),
        (format!("/{text}"), owner()),
        (text.replace("uploads/", "uploads/../uploads/"), owner()),
        (format!("uploads/{}/", owner()), owner()),
        (format!("uploads/{other}/../{}/{}", owner(), key.id), owner()),
        ("http://127.0.0.1/".to_owned(), owner()),
        (String::new(), owner()),
    ] {
        assert_eq!(Key::owned(&text, owner).unwrap_err().code(), "NOT_FOUND", "{text}");
    }
}

#[test]
fn nothing_shows_the_credentials() {
    let uploads = uploads(&[("AWS_SESSION_TOKEN", "canary")]);
    let shown = format!("{uploads:?} {:?}", uploads.signer);
    assert!(!shown.contains("canary") && !shown.contains("secret\""), "{shown}");
}

/// Where S3 is somewhere else, buckets are paths.
#[test]
fn another_s3_has_its_buckets_in_the_path() {
    let uploads = uploads(&[("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")]);
    assert_eq!(uploads.url, "http://127.0.0.1:9/bucket");
}
