//! What the functions find and are sent: the local stack with a real account, and valid events.

use anyhow::{Context as _, Result, bail};
use aura_local::Stack;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

const PASSWORD: &str = "seven quiet herons wade";
/// Uses of one account, or of one address, before the next one: under every limit as it is by default.
const USES: u32 = 15;

pub(crate) struct World {
    stack: Stack,
    runtime: tokio::runtime::Runtime,
    account: Account,
    administrator: Administrator,
    made: u32,
    sent: u64,
}

struct Account {
    email: String,
    token: String,
    uses: u32,
}

/// An account that may change the role of another one.
struct Administrator {
    token: String,
    subject: String,
    uses: u32,
}

impl World {
    /// Start the stack on the binaries in `built`.
    pub(crate) fn start(template: &Path, built: PathBuf, settings: &[(&str, &str)]) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stack = Stack::builder().template(template).binaries(move |name| built.join(name));
        // What a picture costs is more than a day's budget as it is by default.
        let stack = stack.setting("BUDGET_USER_DAY", "100").setting("BUDGET_USER_MONTH", "100");
        let stack = settings.iter().fold(stack, |stack, (name, value)| stack.setting(name, value)).start();
        let stack = runtime.block_on(stack).map_err(|error| anyhow::anyhow!("{error}"))?;
        let nobody = Account { email: String::new(), token: String::new(), uses: USES };
        let administrator = Administrator { token: String::new(), subject: String::new(), uses: USES };
        Ok(Self { stack, runtime, account: nobody, administrator, made: 0, sent: 0 })
    }

    /// Every function of the template.
    pub(crate) fn functions(&self) -> Vec<String> {
        self.stack.functions()
    }

    /// The environment that the template gives a function, with the stack's endpoints.
    pub(crate) fn environment(&self, function: &str) -> Result<BTreeMap<String, String>> {
        let mut addresses = self.stack.addresses();
        let environment = addresses["environment"][function].take();
        serde_json::from_value(environment).with_context(|| format!("{function} has no environment"))
    }

    /// The gateway's address.
    pub(crate) fn http(&self) -> Result<SocketAddr> {
        self.stack.http().strip_prefix("http://").context("the gateway is not http")?.parse().map_err(Into::into)
    }

    /// The token of an account that nobody has used.
    pub(crate) fn fresh_token(&mut self) -> Result<String> {
        self.fresh_account();
        let token = self.account()?.token.clone();
        self.fresh_account();
        Ok(token)
    }

    /// DynamoDB's endpoint.
    pub(crate) fn dynamodb(&self) -> &str {
        self.stack.dynamodb()
    }

    /// The next event that `function` answers with success; `None` for one that this does not know.
    pub(crate) fn event(&mut self, function: &str) -> Result<Option<Vec<u8>>> {
        self.sent += 1;
        let event = match function {
            "hello" => http("GET", "/", 0, None, None),
            "health" => http("GET", "/health", 0, None, None),
            "ready" => http("GET", "/ready", 0, None, None),
            "jwks" => http("GET", "/.well-known/jwks.json", 0, None, None),
            "no-route" => http("GET", "/nowhere", 0, None, None),
            "register" => self.register(),
            "login" => self.login()?,
            "refresh" => {
                let session = self.session()?;
                let body = json!({ "refreshToken": session["refreshToken"] });
                http("POST", "/api/auth/refresh", 3, None, Some(&body))
            }
            "logout" => {
                let session = self.session()?;
                http("POST", "/api/auth/logout", 0, session["token"].as_str(), None)
            }
            "verify" => {
                let token = self.account()?.token.clone();
                http("GET", "/api/auth/verify", 0, Some(&token), None)
            }
            // Another question each time: what is known costs less.
            "generate-form" => {
                let context =
                    format!("Registration for city run {}, with a phone number and a t-shirt size", self.sent);
                self.ask(function, &json!({ "context": context }))?
            }
            "enhance-query" => {
                let query = format!("running shoes for women under {} euros", self.sent);
                self.ask(function, &json!({ "query": query }))?
            }
            "summarize" => {
                let reefs = "Coral reefs shelter sea life. Reefs are built by coral. Warm water kills coral.";
                self.ask(function, &json!({ "content": format!("{reefs} This is text {}.", self.sent) }))?
            }
            "complete-code" => {
                let code = format!("fn add_{}(a: i32, b: i32) -> i32 {{\n", self.sent);
                self.ask(function, &json!({ "code": code, "language": "rust" }))?
            }
            "usage" => {
                let token = self.account()?.token.clone();
                http("GET", "/api/usage", 0, Some(&token), None)
            }
            "create-upload" => {
                let token = self.account()?.token.clone();
                let body = json!({ "contentType": "image/jpeg", "size": 8_000_000 });
                http("POST", "/api/uploads", 0, Some(&token), Some(&body))
            }
            "create-api-key" => self.key()?,
            "list-api-keys" => {
                let token = self.account()?.token.clone();
                http("GET", "/api/auth/api-keys", 0, Some(&token), None)
            }
            "revoke-api-key" => {
                let event = self.key()?;
                let made = self.call("create-api-key", event)?;
                let id = text(&made["id"])?;
                let token = self.account.token.clone();
                with_id(http("DELETE", &format!("/api/auth/api-keys/{id}"), 0, Some(&token), None), &id)
            }
            "set-user-role" => {
                let Administrator { token, subject, .. } = self.administrator()?;
                let body = json!({ "role": "developer" });
                let path = format!("/api/admin/users/{subject}/role");
                with_id(http("PUT", &path, 0, Some(token), Some(&body)), subject)
            }
            "grant-admin" => {
                let event = self.register();
                let opened = self.call("register", event)?;
                json!({ "email": opened["user"]["email"] })
            }
            "rotate-signing-key" => {
                // The first step of a rotation that never goes on: the key that signs stays.
                let secret = self.environment(function)?.remove("SIGNING_KEY_SECRET");
                let token = format!("00000000-0000-4000-8000-{:012}", self.sent);
                json!({ "Step": "createSecret", "SecretId": secret, "ClientRequestToken": token })
            }
            _ => return Ok(None),
        };
        Ok(Some(event.to_string().into_bytes()))
    }

    /// Upload a file; the key that names it.
    pub(crate) fn upload(&self, token: &str, file: &[u8]) -> Result<String> {
        let body = json!({ "contentType": "image/jpeg", "size": file.len() });
        let form = self.call("create-upload", http("POST", "/api/uploads", 0, Some(token), Some(&body)))?;
        let mut parts = Vec::new();
        for (name, value) in form["fields"].as_object().context("a form without fields")? {
            let value = value.as_str().unwrap_or_default();
            parts.extend(
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes(),
            );
        }
        parts.extend(b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n");
        parts.extend(file);
        parts.extend(b"\r\n--b--\r\n");
        let url = text(&form["url"])?;
        let (host, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).context("S3 is not http")?;
        let mut stream = TcpStream::connect(host)?;
        let head = format!(
            "POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary=b\r\n\
             content-length: {}\r\n\r\n",
            parts.len()
        );
        stream.write_all(&[head.as_bytes(), &parts].concat())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if !answer.starts_with("HTTP/1.1 204") {
            bail!("S3 answered {answer}");
        }
        text(&form["imageKey"])
    }

    /// Use the account no more: who is counted begins with limits and caches of their own.
    pub(crate) fn fresh_account(&mut self) {
        self.account.uses = USES;
    }

    /// An account that has been used less than [`USES`] times.
    fn account(&mut self) -> Result<&Account> {
        if self.account.uses >= USES {
            let event = self.register();
            let opened = self.call("register", event)?;
            self.account = Account { email: text(&opened["user"]["email"])?, token: text(&opened["token"])?, uses: 0 };
        }
        self.account.uses += 1;
        Ok(&self.account)
    }

    fn ask(&mut self, function: &str, body: &Value) -> Result<Value> {
        let token = self.account()?.token.clone();
        Ok(http("POST", &format!("/api/ai/{function}"), 0, Some(&token), Some(body)))
    }

    fn register(&mut self) -> Value {
        self.made += 1;
        let email = format!("runner{}@example.com", self.made);
        let body = json!({ "email": email, "password": PASSWORD, "name": "Ann Lee" });
        // Registrations are counted by address.
        http("POST", "/api/auth/register", self.made / USES, None, Some(&body))
    }

    fn login(&mut self) -> Result<Value> {
        let body = json!({ "email": self.account()?.email, "password": PASSWORD });
        Ok(http("POST", "/api/auth/login", 2, None, Some(&body)))
    }

    fn administrator(&mut self) -> Result<&Administrator> {
        if self.administrator.uses >= USES {
            let (event, other) = (self.register(), self.register());
            let email = self.call("register", event)?["user"]["email"].take();
            let granted = self.runtime.block_on(self.stack.invoke("grant-admin", json!({ "email": email })));
            granted.map_err(|error| anyhow::anyhow!("grant-admin: {error}"))?;
            let body = json!({ "email": email, "password": PASSWORD });
            let opened = self.call("login", http("POST", "/api/auth/login", 2, None, Some(&body)))?;
            let subject = text(&self.call("register", other)?["user"]["id"])?;
            self.administrator = Administrator { token: text(&opened["token"])?, subject, uses: 0 };
        }
        self.administrator.uses += 1;
        Ok(&self.administrator)
    }

    /// A request for an API key.
    fn key(&mut self) -> Result<Value> {
        let token = self.account()?.token.clone();
        let body = json!({ "name": "nightly job", "scopes": ["ai:use_openai"], "expiresInDays": 30 });
        Ok(http("POST", "/api/auth/api-keys", 0, Some(&token), Some(&body)))
    }

    /// A session nobody has used.
    fn session(&mut self) -> Result<Value> {
        let event = self.login()?;
        self.call("login", event)
    }

    fn call(&self, function: &str, event: Value) -> Result<Value> {
        let answer = self.runtime.block_on(self.stack.invoke(function, event));
        let answer = answer.map_err(|error| anyhow::anyhow!("{function}: {error}"))?;
        check(function, answer.to_string().as_bytes())?;
        Ok(serde_json::from_str(answer["body"].as_str().unwrap_or_default())?)
    }
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).context("an answer lacks a text")
}

/// With the path parameter `id`, as the gateway finds it.
fn with_id(mut event: Value, id: &str) -> Value {
    event["pathParameters"] = json!({ "id": id });
    event
}

/// Refuse to measure a failure.
pub(crate) fn check(function: &str, answer: &[u8]) -> Result<()> {
    let value: Value = serde_json::from_slice(answer).with_context(|| format!("{function} answered no JSON"))?;
    let expected = if function == "no-route" { 404..=404 } else { 200..=201 };
    match value.get("statusCode").and_then(Value::as_u64) {
        Some(status) if !expected.contains(&status) => bail!("{function} answered {value}"),
        _ => Ok(()), // a function without a route answers with a value of its own
    }
}

/// A request as the gateway sends it: payload 2.0.
pub(crate) fn http(method: &str, path: &str, host: u32, token: Option<&str>, body: Option<&Value>) -> Value {
    let mut headers = json!({
        "accept": "*/*",
        "content-type": "application/json",
        "host": "bench.execute-api.us-east-1.amazonaws.com",
        "user-agent": "aura-bench",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    });
    if let Some(token) = token {
        headers["authorization"] = format!("Bearer {token}").into();
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "bench",
            "domainName": "bench.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "bench",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": format!("198.51.{}.{}", 100 + host / 250, 1 + host % 250),
                "userAgent": "aura-bench",
            },
            "requestId": "bench",
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_u64,
        },
        "isBase64Encoded": false,
    });
    if let Some(body) = body {
        event["body"] = body.to_string().into();
    }
    event
}
