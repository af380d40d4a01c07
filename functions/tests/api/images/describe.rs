use super::{annotated, asked, assert_ok, encoded, made};
use crate::contract;
use crate::provider::{Provider, completion, ending};
use crate::world::World;
use serde_json::{Value, json};

const PATH: &str = "/api/ai/describe-image";

async fn with(model: Option<&Provider>, vision: Option<&Provider>) -> World {
    World::with(|mut builder| {
        if let Some(model) = model {
            builder = builder.setting("OPENAI_API_KEY", "sk-test").setting("OPENAI_BASE_URL", &model.base_url);
        }
        if let Some(vision) = vision {
            let address = vision.base_url.trim_end_matches("/v1");
            builder = builder.setting("GOOGLE_VISION_API_KEY", "key").setting("GOOGLE_VISION_BASE_URL", address);
        }
        builder
    })
    .await
}

#[tokio::test]
async fn a_model_that_sees_describes() {
    let words = json!({"description": "A cat on a sofa.", "labels": ["cat", "sofa"]});
    let model = Provider::start(vec![completion(&words)]).await;
    let world = with(Some(&model), None).await;
    let ann = world.account("ann@example.com").await.client;
    let body = json!({"image": encoded(&made::jpeg_with_exif(640, 480, 6))});
    let reply = ann.post(PATH, &body).await;
    assert_ok(&reply);
    assert_eq!((&reply.body["description"], &reply.body["labels"]), (&words["description"], &words["labels"]));
    assert_eq!((&reply.body["source"], &reply.body["cached"]), (&json!("openai"), &json!(false)));
    assert_eq!(reply.body["usage"]["totalTokens"], 150);
    let request = model.requests().remove(0);
    let sent: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let schema = contract::schema("openai.strict-requests.openapi.json", "CreateChatCompletionRequest");
    contract::keeps(schema.as_ref(), &sent);
    let picture = &sent["messages"][1]["content"][1]["image_url"];
    assert_eq!(picture["detail"], "low");
    let data = picture["url"].as_str().unwrap().strip_prefix("data:image/jpeg;base64,").unwrap();
    let data = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
    assert!(
        !data.windows(12).any(|window| window == b"canary-place") && data.windows(4).any(|window| window == b"Exif")
    );
    assert_eq!(ann.post(PATH, &body).await.body["cached"], true);
    assert_eq!(model.requests().len(), 1);
    let usage = ann.get("/api/usage").await.body;
    assert_eq!(usage["lines"][0]["operation"], "describe-image");
    assert!(usage["spent"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn labels_stand_in_for_a_model_that_is_not_there_or_declines() {
    let seen = annotated(&json!({"labelAnnotations": [{"description": "Cat"}, {"description": "Sofa"}]}));
    let vision = Provider::start(vec![seen]).await;
    let world = with(None, Some(&vision)).await;
    let ann = world.account("ann@example.com").await.client;
    let body = json!({"image": encoded(&made::png(4, 4, 40))});
    let reply = ann.post(PATH, &body).await;
    assert_ok(&reply);
    let expected = json!({"description": "This image shows: Cat and Sofa.", "labels": ["Cat", "Sofa"], "source": "labels", "cached": false});
    assert_eq!(reply.body, expected);
    assert_eq!(asked(&vision), [["LABEL_DETECTION"]]);
    // What was seen for a description is known to an analysis.
    let analysis =
        ann.post("/api/ai/analyze-image", &json!({"image": body["image"], "analysisTypes": ["labels"]})).await;
    assert_eq!(analysis.body["cached"], true);

    let refusal = json!({"role": "assistant", "content": null, "refusal": "No."});
    let model = Provider::start(vec![ending(&refusal, "stop")]).await;
    let world = with(Some(&model), Some(&vision)).await;
    let reply = world.account("ann@example.com").await.client.post(PATH, &body).await;
    assert_eq!(
        (&reply.body["source"], &reply.body["usage"]["reason"]),
        (&json!("labels"), &json!("refused")),
        "{}",
        reply.text
    );

    // Without labels to stand in, a refusal is an error.
    let world = with(Some(&model), None).await;
    world.account("ann@example.com").await.client.post(PATH, &body).await.assert_problem(503, "UPSTREAM_UNAVAILABLE");
}
