use serde_json::{Map, Value, json};

use super::*;
use crate::ai::background::Request;
use crate::ai::image::tests::made;
use crate::ai::scripted::{self, Line, listen};
use crate::test_data;

fn image() -> Image {
    Image::read(made::jpeg(640, 480, &[made::exif(6)])).unwrap()
}

fn options(more: Value) -> Options {
    let mut body = json!({"image": "aGk="});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value::<Request>(body).unwrap().options
}

/// The parts of a form, by name.
fn parts(form: &[u8]) -> Map<String, Value> {
    let text: String = form.iter().map(|byte| char::from(*byte)).collect();
    let text = text.strip_suffix("\r\n--b--\r\n").unwrap();
    let parts = text.split("--b\r\n").skip(1).map(|part| {
        let (head, value) = part.split_once("\r\n\r\n").unwrap();
        let name = head.split("name=\"").nth(1).unwrap().split('"').next().unwrap();
        (name.to_owned(), json!(value.trim_end_matches("\r\n")))
    });
    parts.collect()
}

#[test]
fn requests_keep_the_contract() {
    let all = [
        json!({}),
        json!({"size": "preview", "format": "png"}),
        json!({"size": "full", "format": "jpg", "backgroundColor": "#81D4FA"}),
        json!({"size": "auto", "format": "auto", "backgroundColor": "fff"}),
    ];
    let forms = all.map(|more| Value::Object(parts(&form(&image(), &options(more), "b"))));
    assert_eq!(forms[2]["bg_color"], "81d4fa");
    for form in &forms {
        let file: Vec<u8> =
            form["image_file"].as_str().unwrap().chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect();
        let sent = Image::read(file.clone()).unwrap();
        // It is turned by the provider: the orientation is all that is left of the metadata.
        assert_eq!((sent.orientation(), sent.bytes()), (image().orientation(), image().bytes()));
        assert!(!file.windows(3).any(|window| window == b"GPS"));
    }
    scripted::keep("removebg.strict.openapi.json", "RemoveBgMultipart", forms.to_vec());
    for wrong in [
        json!({"size": "4k"}),
        json!({"format": "zip"}),
        json!({"format": "jpg"}),
        json!({"backgroundColor": "red;x"}),
        json!({"backgroundColor": "#12345"}),
        json!({"bg_image_url": "http://127.0.0.1/"}),
        json!({"imageKey": "uploads/x"}),
    ] {
        let mut body = json!({"image": "aGk="});
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert!(serde_json::from_value::<Request>(body).is_err(), "{wrong}");
    }
}

async fn cut(line: Line) -> (Delivery<CutOut>, String) {
    let (address, requests) = listen(vec![line]).await;
    let provider = RemoveBg::new(Account { key: Secret::new("canary-key"), base_url: address }, Clock::system());
    let (body, sent) = (form(&image(), &options(json!({})), "b"), *image().hash());
    let deadline = Deadline::after(Duration::from_secs(20));
    let delivery = provider.cut_out(body, "b", sent, deadline).await;
    let head = requests.lock().unwrap()[0].0.clone();
    (delivery, head)
}

#[tokio::test]
async fn the_bill_is_in_the_headers() {
    for (header, credits) in [
        ("x-credits-charged: 1\r\n", Some(100)),
        ("x-credits-charged: 0.25\r\n", Some(25)),
        ("x-credits-charged: 0\r\n", Some(0)),
        ("x-credits-charged: many\r\n", None),
        ("", None),
    ] {
        let whole = made::png(1, 1, &[]);
        let (delivery, head) = cut(Line::Bytes(200, header, whole)).await;
        assert_eq!(delivery.result.unwrap().credits, credits, "{header}");
        assert!(head.starts_with("POST /removebg ") && head.contains("x-api-key: canary-key"), "{head}");
        assert!(head.contains("content-type: multipart/form-data; boundary=b"), "{head}");
    }
    assert_eq!([hundredths("0.2501"), hundredths("-1"), hundredths("NaN")], [Some(26), None, None]);
}

#[tokio::test]
async fn what_is_no_cut_out_is_a_failure() {
    // The original, a page, nothing, a broken image.
    for body in [image().into_bytes(), b"<html>".to_vec(), Vec::new(), made::png(1, 1, &[])[..40].to_vec()] {
        let (delivery, _) = cut(Line::Bytes(200, "", body)).await;
        let failure = delivery.result.err().unwrap();
        assert_eq!((failure.kind, delivery.uncounted), (Kind::Unreadable, 1));
        assert_eq!(into_error(failure).code(), "UPSTREAM_UNAVAILABLE");
    }
    for (status, body, code, error, uncounted) in [
        (
            400,
            r#"{"errors": [{"title": "t", "code": "unknown_foreground"}]}"#,
            Some("unknown_foreground"),
            "INVALID_IMAGE",
            0,
        ),
        (400, r#"{"errors": [{"title": "t"}]}"#, None, "INVALID_IMAGE", 0),
        (
            402,
            r#"{"errors": [{"title": "Insufficient credits", "code": "insufficient_credits"}]}"#,
            Some("insufficient_credits"),
            "UPSTREAM_UNAVAILABLE",
            0,
        ),
        (
            403,
            r#"{"errors": [{"title": "API Key invalid", "code": "auth_failed"}]}"#,
            Some("auth_failed"),
            "UPSTREAM_UNAVAILABLE",
            0,
        ),
        (500, "<html>", None, "UPSTREAM_UNAVAILABLE", 1),
    ] {
        let (delivery, _) = cut(Line::Answer(status, "", body.to_owned())).await;
        let failure = delivery.result.err().unwrap();
        assert_eq!(
            (failure.code.as_deref(), failure.retryable(), delivery.uncounted),
            (code, false, uncounted),
            "{status}"
        );
        assert_eq!(into_error(failure).code(), error, "{status}");
    }
}

#[test]
fn recorded_answers_are_read() {
    let Some(recorded) = test_data::recorded() else { return };
    let refused = recorded.json("removebg/vcr.removebg_403.json");
    let body = refused["response"]["body"].to_string();
    let failure = Failure::status(&DIALECT, 403, &HeaderMap::new(), body.as_bytes());
    assert_eq!((failure.code.as_deref(), failure.retryable()), (Some("auth_failed"), false));
    let cut = recorded.json("removebg/vcr.removebg_200_png_headers.json");
    let headers = &cut["response"]["headers"];
    assert_eq!(hundredths(headers["x-credits-charged"].as_str().unwrap()), Some(100));
    assert_eq!(recorded.names("removebg").len(), 2, "a recorded answer without an expectation");
}
