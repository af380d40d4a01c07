//! Secrets Manager, JSON 1.1 over `X-Amz-Target`: GetSecretValue, PutSecretValue, DescribeSecret,
//! UpdateSecretVersionStage and RotateSecret, with the template's policies enforced.
//! Absent: creating and deleting secrets (the template does), binary values, everything else.

mod refusal;
pub(crate) mod rotation;
mod store;
mod vault;

pub(crate) use vault::Vault;

use crate::iam::{self, Policies};
use crate::lambda::Lambda;
use crate::server::{self, Request, Response};
use crate::{clock, random};
use hyper::StatusCode;
use refusal::Refusal;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use store::CURRENT;

pub(crate) const BODY_LIMIT: usize = 1024 * 1024;

pub(crate) struct SecretsManager {
    pub(crate) vault: Vault,
    pub(crate) policies: Arc<Policies>,
    /// Set once Lambda exists, which needs this service's address first.
    pub(crate) lambda: OnceLock<Arc<Lambda>>,
}

impl SecretsManager {
    pub(crate) async fn answer(self: Arc<Self>, request: Request) -> Option<Response> {
        let outcome = self.outcome(&request);
        let (status, body) = match outcome {
            Ok(body) => (StatusCode::OK, body),
            Err(refusal) => {
                let status = if refusal.kind == "InternalServiceError" {
                    StatusCode::INTERNAL_SERVER_ERROR
                } else {
                    StatusCode::BAD_REQUEST
                };
                (status, json!({ "__type": refusal.kind, "Message": refusal.message, "message": refusal.message }))
            }
        };
        let mut response = server::respond(status, "application/x-amz-json-1.1", body.to_string());
        server::set(&mut response, "x-amzn-requestid", &random::uuid().unwrap_or_default());
        Some(response)
    }

    fn outcome(self: &Arc<Self>, request: &Request) -> Result<Value, Refusal> {
        let target = request.header("x-amz-target").unwrap_or_default();
        let operation = target.strip_prefix("secretsmanager.").unwrap_or(target);
        let body: Value =
            serde_json::from_slice(&request.body).map_err(|_| Refusal::invalid_parameter("the body is not JSON"))?;
        let id = body["SecretId"].as_str().unwrap_or_default();
        if let Some(caller) = iam::caller(request.header("authorization")) {
            // A secret that does not exist is denied like one that is not the caller's.
            let arn = self.vault.read(id, |secret| Ok(secret.arn.clone())).unwrap_or_else(|_| id.to_owned());
            self.policies
                .check(&caller.function, &format!("secretsmanager:{operation}"), &arn)
                .map_err(Refusal::denied)?;
        }
        match operation {
            "GetSecretValue" => self.get(id, &body),
            "PutSecretValue" => self.put(id, &body),
            "DescribeSecret" => self.vault.read(id, |secret| Ok(secret.describe())),
            "UpdateSecretVersionStage" => {
                let stage =
                    text(&body, "VersionStage").ok_or_else(|| Refusal::invalid_parameter("VersionStage is missing"))?;
                self.vault.change(id, |secret| {
                    secret.move_stage(
                        &stage,
                        text(&body, "MoveToVersionId").as_deref(),
                        text(&body, "RemoveFromVersionId").as_deref(),
                    )?;
                    Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
                })
            }
            "RotateSecret" => self.rotate(id, text(&body, "ClientRequestToken")),
            _ => Err(Refusal::invalid_request(format!("this stack does not emulate the operation `{operation}`"))),
        }
    }

    fn get(&self, id: &str, body: &Value) -> Result<Value, Refusal> {
        self.vault.read(id, |secret| {
            let (version_id, version, value) =
                secret.value(text(body, "VersionId").as_deref(), text(body, "VersionStage").as_deref())?;
            Ok(json!({
                "ARN": secret.arn,
                "Name": secret.name,
                "VersionId": version_id,
                "SecretString": self.vault.overlaid(&secret.name, value),
                "VersionStages": version.stages,
                "CreatedDate": store::seconds(version.created_ms),
            }))
        })
    }

    fn put(&self, id: &str, body: &Value) -> Result<Value, Refusal> {
        let value = text(body, "SecretString")
            .ok_or_else(|| Refusal::invalid_parameter("this stack emulates SecretString only"))?;
        if value.len() > 65_536 {
            return Err(Refusal::invalid_parameter("SecretString is longer than 65536 bytes"));
        }
        let token = match text(body, "ClientRequestToken") {
            Some(token) if (32..=64).contains(&token.len()) => token,
            Some(_) => return Err(Refusal::invalid_parameter("ClientRequestToken has 32 to 64 characters")),
            None => random::uuid().map_err(|error| Refusal::internal(error.to_string()))?,
        };
        let stages = match body["VersionStages"].as_array() {
            Some(stages) => stages.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => vec![CURRENT.to_owned()],
        };
        self.vault.change(id, |secret| {
            secret.put(&token, value, &stages)?;
            Ok(json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": token, "VersionStages": stages }))
        })
    }

    /// As on AWS, the answer does not wait for the rotation.
    fn rotate(self: &Arc<Self>, id: &str, token: Option<String>) -> Result<Value, Refusal> {
        let (arn, name, function) = self
            .vault
            .read(id, |secret| Ok((secret.arn.clone(), secret.name.clone(), secret.rotation_function.clone())))?;
        let (Some(function), Some(lambda)) = (function, self.lambda.get().cloned()) else {
            return Err(Refusal::invalid_request("No Lambda rotation function ARN is associated with this secret."));
        };
        let token = match token {
            Some(token) => token,
            None => random::uuid().map_err(|error| Refusal::internal(error.to_string()))?,
        };
        let (service, secret, version) = (Arc::clone(self), name.clone(), token.clone());
        tokio::spawn(async move {
            let function = function.rsplit(':').next().unwrap_or_default();
            if let Err(error) = rotation::rotate(&service.vault, &lambda, &secret, function, Some(version)).await {
                lambda.log(function, format!("{error}"));
            }
        });
        Ok(json!({ "ARN": arn, "Name": name, "VersionId": token }))
    }

    /// The rotation schedule of the template, by secret ARN.
    pub(crate) fn schedule(&self, secret_arn: &str, function_arn: &str) -> Result<bool, crate::error::Error> {
        let scheduled = self.vault.change(secret_arn, |secret| {
            secret.rotation_function = Some(function_arn.to_owned());
            Ok(secret.rotated_ms.is_some_and(|rotated| rotated <= clock::epoch_ms()))
        });
        scheduled.map_err(|refusal| crate::error::Error::new(format!("{secret_arn}: {}", refusal.message)))
    }
}

fn text(body: &Value, name: &str) -> Option<String> {
    body[name].as_str().map(str::to_owned)
}
