//! The objects, in memory, and when they are no more.

use crate::clock;
use crate::iam::{Policies, caller};
use crate::template::Bucket;
use bytes::Bytes;
use futures_util::TryStreamExt;
use s3s::auth::Credentials;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    PutObjectInput, PutObjectOutput, StreamingBlob,
};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    media_type: Option<String>,
    written_ms: u64,
}

pub(crate) struct Store {
    buckets: Vec<Bucket>,
    /// By bucket and key.
    objects: Mutex<BTreeMap<(String, String), Object>>,
}

impl Store {
    pub(crate) fn new(buckets: Vec<Bucket>) -> Self {
        Self { buckets, objects: Mutex::default() }
    }

    pub(crate) fn bucket(&self, name: &str) -> Option<&Bucket> {
        self.buckets.iter().find(|bucket| bucket.name == name)
    }

    /// The keys of a bucket's objects that are still there.
    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        let objects = self.live();
        objects.keys().filter(|(name, _)| name == bucket).map(|(_, key)| key.clone()).collect()
    }

    /// The objects, without those whose days are over: S3 deletes them some time after that, and bills them no more.
    fn live(&self) -> MutexGuard<'_, BTreeMap<(String, String), Object>> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::epoch_ms();
        objects.retain(|(bucket, key), object| {
            let rules = self.bucket(bucket).map_or(&[][..], |bucket| &bucket.expirations);
            let due = |days: &u64| object.written_ms.saturating_add(days.saturating_mul(DAY_MS)) <= now;
            !rules.iter().any(|(prefix, days)| key.starts_with(prefix) && due(days))
        });
        objects
    }

    fn find(&self, bucket: &str, key: &str) -> S3Result<Object> {
        self.exists(bucket)?;
        let found = self.live().get(&(bucket.to_owned(), key.to_owned())).cloned();
        found.ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))
    }

    fn exists(&self, bucket: &str) -> S3Result<()> {
        self.bucket(bucket).map(drop).ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
    }
}

pub(crate) struct Objects {
    pub(crate) store: Arc<Store>,
    pub(crate) policies: Arc<Policies>,
}

impl Objects {
    /// Whoever may not list a bucket does not hear that an object is not there: 403, as on AWS.
    fn find(&self, bucket: &str, key: &str, credentials: Option<&Credentials>) -> S3Result<Object> {
        self.store.find(bucket, key).map_err(|missing| {
            let function =
                credentials.and_then(|credentials| caller(Some(&format!("Credential={}/", credentials.access_key))));
            let listing = format!("arn:aws:s3:::{bucket}");
            match function.map(|caller| self.policies.check(&caller.function, "s3:ListBucket", &listing)) {
                Some(Err(_)) => s3_error!(AccessDenied, "Access Denied"),
                Some(Ok(())) | None => missing,
            }
        })
    }
}

fn length(object: &Object) -> Option<i64> {
    i64::try_from(object.bytes.len()).ok()
}

#[async_trait::async_trait]
impl S3 for Objects {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let PutObjectInput { bucket, key, body, content_type, .. } = request.input;
        self.store.exists(&bucket)?;
        let mut bytes = Vec::new();
        if let Some(mut body) = body {
            let broken = |_| s3_error!(IncompleteBody);
            while let Some(chunk) = body.try_next().await.map_err(broken)? {
                bytes.extend_from_slice(&chunk);
            }
        }
        let object = Object { bytes: bytes.into(), media_type: content_type, written_ms: clock::epoch_ms() };
        self.store.live().insert((bucket, key), object);
        let e_tag = Some(ETag::Strong("local".to_owned()));
        Ok(S3Response::new(PutObjectOutput { e_tag, ..PutObjectOutput::default() }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let (credentials, GetObjectInput { bucket, key, range, .. }) = (request.credentials, request.input);
        if range.is_some() {
            return Err(s3_error!(NotImplemented, "this stack does not emulate ranges"));
        }
        let object = self.find(&bucket, &key, credentials.as_ref())?;
        let (content_length, content_type) = (length(&object), object.media_type);
        let body = Some(StreamingBlob::from(Body::from(object.bytes)));
        Ok(S3Response::new(GetObjectOutput { body, content_length, content_type, ..GetObjectOutput::default() }))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.find(&request.input.bucket, &request.input.key, request.credentials.as_ref())?;
        let (content_length, content_type) = (length(&object), object.media_type);
        Ok(S3Response::new(HeadObjectOutput { content_length, content_type, ..HeadObjectOutput::default() }))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.store.exists(&request.input.bucket)?;
        self.store.live().remove(&(request.input.bucket, request.input.key));
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }
}
