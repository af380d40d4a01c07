//! A local stack and a client that speaks to it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use aura::clock::{Clock, Timestamp};
use aura::config::Config;
use aura::{App, Need};
use aura_local::{Builder, Stack};
use serde_json::{Value, json};

/// The binary of a function.
pub fn binary(name: &str) -> PathBuf {
    // Cargo builds the binaries of the package for its tests; they lie side by side.
    Path::new(env!("CARGO_BIN_EXE_login")).with_file_name(name)
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

pub const PASSWORD: &str = "a quiet lake at dawn";

/// A running stack.
pub struct World {
    pub stack: Stack,
}

impl World {
    pub async fn start() -> Self {
        Self::with(|builder| builder).await
    }

    pub async fn with(settings: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = Stack::builder().template(root().join("template.yaml")).binaries(binary);
        Self { stack: settings(builder).start().await.expect("the stack starts") }
    }

    /// A client at 127.0.0.1.
    pub fn client(&self) -> Client {
        self.client_at([127, 0, 0, 1])
    }

    /// A client at another address of the loopback network.
    pub fn client_at(&self, ip: [u8; 4]) -> Client {
        let http = reqwest::Client::builder().no_proxy().local_address(IpAddr::V4(Ipv4Addr::from(ip)));
        Client { http: http.build().expect("a client"), base: self.stack.http().to_owned(), token: None }
    }

    /// A new account's session.
    pub async fn account(&self, email: &str) -> Session {
        let reply = self.client().register(email, PASSWORD).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        Session::of(self.client(), &reply.body)
    }

    /// The domain in this process, on the stack's state, with an operator's rights and a clock that the test moves.
    pub fn app(&self, clock: &Clock) -> &'static App {
        self.app_of("login", &[Need::Identity, Need::Ephemeral, Need::SigningKey], clock)
    }

    /// The same with the settings of this function.
    pub fn app_of(&self, function: &str, needs: &[Need], clock: &Clock) -> &'static App {
        let environment = self.stack.addresses()["environment"][function].clone();
        let lookup = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("operator".to_owned()),
            name => environment.get(name).and_then(Value::as_str).map(str::to_owned),
        };
        let app = App::new(Config::from_lookup(lookup).expect("settings"), clock.clone(), needs).expect("an app");
        Box::leak(Box::new(app))
    }

    /// The domain in this process, with the environment and the rights of a function.
    pub fn app_as(&self, function: &str, clock: &Clock) -> &'static App {
        let environment = self.stack.addresses()["environment"][function].clone();
        let lookup = |name: &str| environment.get(name).and_then(Value::as_str).map(str::to_owned);
        let app = App::new(Config::from_lookup(lookup).expect("settings"), clock.clone(), &[]).expect("an app");
        Box::leak(Box::new(app))
    }

    /// A DynamoDB client with an operator's rights.
    pub fn tables(&self) -> aws_sdk_dynamodb::Client {
        let credentials = aws_sdk_dynamodb::config::Credentials::new("operator", "secret", None, None, "test");
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
            .endpoint_url(self.stack.dynamodb())
            .credentials_provider(credentials)
            .http_client(aura::net::aws_http_client().expect("a client"))
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    /// Changes an attribute of a user, as an operator would.
    pub async fn set_user(&self, id: &str, name: &str, value: aws_sdk_dynamodb::types::AttributeValue) {
        use aws_sdk_dynamodb::types::AttributeValue::S;
        let request = self.tables().update_item().table_name("IdentityTable");
        let request = request.key("pk", S(format!("U#{id}"))).key("sk", S("@".into()));
        let request = request.update_expression("SET #n = :v").condition_expression("attribute_exists(pk)");
        request
            .expression_attribute_names("#n", name)
            .expression_attribute_values(":v", value)
            .send()
            .await
            .expect("set");
    }

    /// DynamoDB operations of a function since the last look, in order.
    pub fn operations(&self, function: &str) -> Vec<String> {
        self.stack.dynamodb_calls(function).into_iter().map(|call| call.operation).collect()
    }
}

/// The machine's time, for clocks that start now.
pub fn now() -> Timestamp {
    Clock::system().now()
}

/// An HTTP client.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request("POST", path).json(body)).await
    }

    /// A body as it is, with the media type of JSON.
    pub async fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> Reply {
        Reply::of(self.request("POST", path).header("content-type", "application/json").body(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request("PUT", path).json(body)).await
    }

    pub async fn delete_with(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request("DELETE", path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        Reply::of(self.request("DELETE", path)).await
    }

    /// A new API key of this client's user, and its id.
    pub async fn api_key(&self, scopes: &[&str]) -> (String, String) {
        let made = self.post("/api/auth/api-keys", &json!({"name": "a test", "scopes": scopes})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let text = |name: &str| made.body[name].as_str().expect("a text").to_owned();
        (text("key"), text("id"))
    }

    pub async fn register(&self, email: &str, password: &str) -> Reply {
        self.post("/api/auth/register", &json!({"email": email, "password": password, "name": "Ann Lee"})).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Reply {
        self.post("/api/auth/login", &json!({"email": email, "password": password})).await
    }

    pub async fn refresh(&self, refresh_token: &str) -> Reply {
        self.post("/api/auth/refresh", &json!({"refreshToken": refresh_token})).await
    }

    pub async fn form(&self, context: &str) -> Reply {
        self.post("/api/ai/generate-form", &json!({"context": context})).await
    }
}

/// A client that is signed in.
pub struct Session {
    pub client: Client,
    pub id: String,
    pub token: String,
    pub refresh_token: String,
}

impl Session {
    pub fn of(client: Client, body: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let token = text(&body["token"]);
        Self {
            client: client.with_token(&token),
            id: text(&body["user"]["id"]),
            token,
            refresh_token: text(&body["refreshToken"]),
        }
    }
}

/// A response.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Reply {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("text");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, body }
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Checks that this is a problem with this status and code, and nothing more than a problem has.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let mut members: Vec<_> = self.body.as_object().expect("an object").keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["code", "detail", "error", "requestId", "status", "title", "type"]);
        assert_eq!(self.body["status"], status);
        assert!(!self.body["requestId"].as_str().expect("an id").is_empty());
        assert!(self.text.len() < 1_000, "a problem is short: {}", self.text);
    }
}
