//! S3, as far as uploads need it: POST with a policy, PutObject, GetObject, HeadObject and DeleteObject, by path.
//!
//! The protocol is the crate s3s's: it checks signatures (headers, presigned addresses, upload forms), a form's expiry, and
//! every condition of its policy. Here are the buckets of the template, the functions' policies, and the lifecycle rule.
//! Absent: lists, versions, multipart uploads, ranges, ACLs; objects outlive no stack.

mod store;

use crate::iam::{Policies, caller};
use crate::server::{self, Request, Response};
use crate::template::Bucket;
use http_body_util::BodyExt;
use hyper::{Method, StatusCode};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{Credentials, S3Auth, SecretKey};
use s3s::dto::PostObjectInput;
use s3s::path::S3Path;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Request, S3Result, s3_error};
use std::sync::Arc;
use store::{Objects, Store};

/// The largest upload that is read; S3's own limit is far above.
pub(crate) const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// The secret of every key on this machine; see `lambda::environment`.
const SECRET: &str = "local";

pub(crate) struct S3 {
    service: S3Service,
    store: Arc<Store>,
}

impl S3 {
    pub(crate) fn new(buckets: Vec<Bucket>, policies: Arc<Policies>) -> Self {
        let store = Arc::new(Store::new(buckets));
        let mut builder = S3ServiceBuilder::new(Objects { store: Arc::clone(&store), policies: Arc::clone(&policies) });
        builder.set_auth(Keys);
        builder.set_access(Access(policies));
        Self { service: builder.build(), store }
    }

    /// The objects of a bucket, by key.
    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        self.store.keys(bucket)
    }

    pub(crate) async fn answer(self: Arc<Self>, request: Request) -> Option<Response> {
        let bucket = request.uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
        let cors = self.store.bucket(bucket).and_then(|bucket| bucket.cors.clone());
        if request.method == Method::OPTIONS {
            return Some(match cors {
                Some(cors) => cors.preflight(&request),
                None => server::message(StatusCode::FORBIDDEN, "CORSResponse: CORS is not enabled for this bucket."),
            });
        }
        let mut response = self.serve(&request).await?;
        if let Some(cors) = cors {
            cors.apply(request.header("origin"), &mut response);
        }
        Some(response)
    }

    async fn serve(&self, request: &Request) -> Option<Response> {
        let mut inner = hyper::Request::new(s3s::Body::from(request.body.clone()));
        *inner.method_mut() = request.method.clone();
        *inner.uri_mut() = request.uri.clone();
        *inner.headers_mut() = request.headers.clone();
        let (parts, body) = self.service.call(inner).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Response::from_parts(parts, body.into()))
    }
}

/// Signatures are checked: whoever signs has the one secret of this machine, and is who the key's id says.
struct Keys;

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, _access_key: &str) -> S3Result<SecretKey> {
        Ok(SecretKey::from(SECRET))
    }
}

/// The functions' policies. Whoever is no function is an operator, and may do everything that is signed.
struct Access(Arc<Policies>);

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let action = match context.s3_op().name() {
            "PutObject" => "s3:PutObject",
            "GetObject" | "HeadObject" => "s3:GetObject",
            "DeleteObject" => "s3:DeleteObject",
            // Its key is in the form, which is not read yet: see below.
            "PostObject" if context.credentials().is_some() => return Ok(()),
            "PostObject" => return Err(s3_error!(AccessDenied, "Access Denied")),
            other => return Err(s3_error!(NotImplemented, "this stack does not emulate the operation `{other}`")),
        };
        match context.s3_path() {
            S3Path::Object { bucket, key } => self.allow(context.credentials(), action, bucket, key),
            S3Path::Root | S3Path::Bucket { .. } => Err(s3_error!(AccessDenied, "Access Denied")),
        }
    }

    /// Whoever signed a form must be allowed to put what it puts.
    async fn post_object(&self, request: &mut S3Request<PostObjectInput>) -> S3Result<()> {
        let PostObjectInput { bucket, key, .. } = &request.input;
        self.allow(request.credentials.as_ref(), "s3:PutObject", bucket, key)
    }
}

impl Access {
    fn allow(&self, credentials: Option<&Credentials>, action: &str, bucket: &str, key: &str) -> S3Result<()> {
        let Some(credentials) = credentials else { return Err(s3_error!(AccessDenied, "Access Denied")) };
        let Some(caller) = caller(Some(&format!("Credential={}/", credentials.access_key))) else { return Ok(()) };
        let arn = format!("arn:aws:s3:::{bucket}/{key}");
        self.0.check(&caller.function, action, &arn).map_err(|denial| s3_error!(AccessDenied, "{denial}"))
    }
}
