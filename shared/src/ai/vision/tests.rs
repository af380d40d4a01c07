use std::path::Path;

use serde_json::{Value, json};

use super::annotate::response;
use super::read::{Frame, analysis};
use super::*;
use crate::ai::image::{Orientation, Size};
use crate::test_data;

const UPRIGHT: Frame = Frame { stored: Size { width: 1_000, height: 500 }, orientation: Orientation::UPRIGHT };

fn of(features: &[Feature], frame: Frame, body: &Value) -> Value {
    let features = Features::of(features.iter().copied()).unwrap();
    let response = response(json!({"responses": [body]}).to_string().as_bytes()).unwrap();
    serde_json::to_value(analysis(response, &features, frame)).unwrap()
}

#[test]
fn nothing_found_is_not_nothing_asked() {
    let empty = json!({
        "faces": [], "objects": [], "labels": [], "colors": [], "cropHints": [],
        "text": {"text": "", "confidence": 0.0, "blocks": []},
        "safeSearch": {"adult": "UNKNOWN", "spoof": "UNKNOWN", "medical": "UNKNOWN", "violence": "UNKNOWN", "racy": "UNKNOWN"},
    });
    assert_eq!(of(&Feature::ALL, UPRIGHT, &json!({})), empty);
    assert_eq!(of(&[Feature::Labels], UPRIGHT, &json!({})), json!({"labels": []}));
    assert!(response(b"{}").is_none() && response(b"[]").is_none() && response(b"<html>").is_none());
}

#[test]
fn zeros_are_absent_and_new_words_are_unknown() {
    let body = json!({
        "faceAnnotations": [{
            "boundingPoly": {"vertices": [{}, {"x": 100}, {"x": 100, "y": 50}, {"y": 50}]},
            "landmarks": [{"type": "THIRD_EYE", "position": {"x": 1.5}}, {}],
            "joyLikelihood": "VERY_LIKELY", "sorrowLikelihood": "BEYOND_DOUBT", "angerLikelihood": "POSSIBLE",
            "brandNew": {"deep": [1, 2]},
        }],
        "safeSearchAnnotation": {"adult": "CERTAINLY", "racy": "LIKELY"},
        "imagePropertiesAnnotation": {"dominantColors": {"colors": [{"color": {"red": 255}, "pixelFraction": 0.5}, {}]}},
        "cropHintsAnnotation": {"cropHints": [{"boundingPoly": {"vertices": [{"x": -20, "y": 400}, {"x": 1_200, "y": 600}]}}]},
        "labelAnnotations": [{"description": "Cat"}],
    });
    let zero = json!({"x": 0.0, "y": 0.0, "z": 0.0});
    let expected = json!({
        "faces": [{
            "boundingBox": {"left": 0, "top": 0, "width": 100, "height": 50},
            "confidence": 0.0,
            "emotions": {"joy": 1.0, "sorrow": 0.0, "anger": 0.5, "surprise": 0.0},
            "landmarks": [
                {"type": "THIRD_EYE", "position": {"x": 1.5, "y": 0.0, "z": 0.0}},
                {"type": "", "position": zero},
            ],
        }],
        "safeSearch": {"adult": "UNKNOWN", "spoof": "UNKNOWN", "medical": "UNKNOWN", "violence": "UNKNOWN", "racy": "LIKELY"},
        "colors": [
            {"color": {"red": 255.0, "green": 0.0, "blue": 0.0}, "score": 0.0, "pixelFraction": 0.5},
            {"color": {"red": 0.0, "green": 0.0, "blue": 0.0}, "score": 0.0, "pixelFraction": 0.0},
        ],
        // Never outside of the image.
        "cropHints": [{"boundingBox": {"left": 0, "top": 400, "width": 1_000, "height": 100}, "confidence": 0.0, "importanceFraction": 0.0}],
        "labels": [{"description": "Cat", "score": 0.0}],
    });
    let features = [Feature::Faces, Feature::SafeSearch, Feature::Colors, Feature::CropHints, Feature::Labels];
    assert_eq!(of(&features, UPRIGHT, &body), expected);
}

#[test]
fn boxes_are_in_the_image_as_it_is_shown() {
    // A camera held upright: 1,000 by 500 stored, shown as 500 by 1,000.
    let turned = Frame { orientation: Orientation::new(6), ..UPRIGHT };
    let body = json!({
        "localizedObjectAnnotations": [{
            "name": "Cup", "score": 0.5,
            "boundingPoly": {"normalizedVertices": [{"x": 0.1, "y": 0.2}, {"x": 0.3, "y": 0.2}, {"x": 0.3, "y": 0.6}, {"x": 0.1, "y": 0.6}]},
        }],
        "faceAnnotations": [{"landmarks": [{"type": "NOSE_TIP", "position": {"x": 100, "y": 200, "z": -5}}]}],
    });
    let found = of(&[Feature::Objects, Feature::Faces], turned, &body);
    assert_eq!(found["objects"][0]["boundingBox"], json!({"left": 200, "top": 100, "width": 200, "height": 200}));
    assert_eq!(found["faces"][0]["landmarks"][0]["position"], json!({"x": 300.0, "y": 100.0, "z": -5.0}));
    let upright = of(&[Feature::Objects], UPRIGHT, &body);
    assert_eq!(upright["objects"][0]["boundingBox"], json!({"left": 100, "top": 100, "width": 200, "height": 200}));
}

#[test]
fn blocks_are_put_together_from_symbols_and_breaks() {
    let symbol = |text: &str, gap: &str| match gap {
        "" => json!({"text": text}),
        gap => json!({"text": text, "property": {"detectedBreak": {"type": gap}}}),
    };
    let word = |symbols: &[(&str, &str)]| json!({"symbols": symbols.iter().map(|(text, gap)| symbol(text, gap)).collect::<Vec<_>>()});
    let paragraph = json!({"words": [
        word(&[("H", ""), ("i", "SPACE")]),
        word(&[("y", ""), ("o", ""), ("u", "EOL_SURE_SPACE")]),
        word(&[("l", ""), ("o", "HYPHEN")]),
        word(&[("n", ""), ("g", "SURE_SPACE")]),
        word(&[("w", ""), ("e", "NEW_KIND")]),
        json!({"symbols": [{"text": "!", "property": {"detectedBreak": {"type": "SPACE", "isPrefix": true}}}]}),
        word(&[(".", "LINE_BREAK")]),
    ]});
    let corners = json!({"vertices": [{"x": 10, "y": 20}, {"x": 60, "y": 20}, {"x": 60, "y": 30}, {"x": 10, "y": 30}]});
    let block = |confidence: f64| json!({"boundingBox": corners, "paragraphs": [paragraph], "confidence": confidence});
    let body = json!({
        "textAnnotations": [{"description": "whole", "locale": "en"}, {"description": "Hi"}],
        "fullTextAnnotation": {"text": "whole\n", "pages": [{
            "property": {"detectedLanguages": [{"languageCode": "de", "confidence": 0.2}, {"languageCode": "fr", "confidence": 0.9}]},
            "blocks": [block(0.5), block(1.0), {}],
        }]},
    });
    let text = &of(&[Feature::Text], UPRIGHT, &body)["text"];
    assert_eq!(text["text"], "whole\n");
    assert_eq!(text["confidence"], 0.75);
    assert_eq!(text["language"], "en");
    assert_eq!(text["blocks"][0]["text"], "Hi you\nlo-\nng we !.");
    assert_eq!(text["blocks"][0]["boundingBox"], json!({"left": 10, "top": 20, "width": 50, "height": 10}));
    assert_eq!(
        text["blocks"][2],
        json!({"text": "", "confidence": 0.0, "boundingBox": {"left": 0, "top": 0, "width": 0, "height": 0}})
    );
    let mut unnamed = body;
    unnamed["textAnnotations"] = json!([]);
    assert_eq!(of(&[Feature::Text], UPRIGHT, &unnamed)["text"]["language"], "fr");
    unnamed["fullTextAnnotation"].take();
    unnamed["textAnnotations"] = json!([{"description": "alone"}]);
    assert_eq!(
        of(&[Feature::Text], UPRIGHT, &unnamed),
        json!({"text": {"text": "alone", "confidence": 0.0, "blocks": []}})
    );
}

#[test]
fn features_are_asked_for_by_name() {
    let features = |value: Value| serde_json::from_value::<Features>(value).map(|features| features.iter().count());
    assert_eq!(features(json!(["labels", "safeSearch", "labels"])).unwrap(), 2);
    assert_eq!(features(json!(["colors", "all"])).unwrap(), 7);
    assert_eq!(Features::default().iter().count(), 7);
    for wrong in [json!([]), json!(["LABELS"]), json!(["web"]), json!("all"), json!([1])] {
        assert!(features(wrong.clone()).is_err(), "{wrong}");
    }
    for feature in Feature::ALL {
        assert_eq!(json!(feature), feature.name());
    }
}

#[test]
fn a_part_and_the_rest_are_the_whole() {
    let whole: Analysis = serde_json::from_value(of(&Feature::ALL, UPRIGHT, &json!({}))).unwrap();
    let parts = Feature::ALL.map(|feature| whole.only(feature));
    assert_eq!(parts.into_iter().fold(Analysis::default(), Analysis::with), whole);
}

/// Every recorded answer comes to what lies beside this file under its name.
#[test]
fn recorded_answers_are_read() {
    let Some(recorded) = test_data::recorded() else { return };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ai/vision/golden");
    let expected = [
        ("edenai.face_detection", Feature::Faces),
        ("edenai.object_localization", Feature::Objects),
        ("gcp-python-0.26.0.crop_hints_response", Feature::CropHints),
        ("gcp-python-0.26.0.label_detection_response", Feature::Labels),
        ("gcp-python-0.26.0.safe_search_detection_response", Feature::SafeSearch),
    ];
    let frame = Frame { stored: Size { width: 2_000, height: 1_500 }, ..UPRIGHT };
    for (name, feature) in expected {
        let mut body = recorded.json(&format!("vision/{name}.json"));
        if let Some(first) = body["responses"].get_mut(0) {
            body = first.take();
        }
        let golden = test_data::json(&golden.join(format!("{name}.json")));
        assert_eq!(of(&[feature], frame, &body), golden, "{name}");
    }
    assert_eq!(recorded.names("vision").len(), expected.len(), "a recorded answer without an expectation");
}
