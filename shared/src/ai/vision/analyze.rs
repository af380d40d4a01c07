//! An image looked at: what is known, what is asked for, what it costs.
//!
//! Answers are kept by image and feature, so that asking later for one more feature pays for that one alone; all that is
//! missing is asked for in one call.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::annotate::{self, MOST_BYTES, Vision};
use super::{Analysis, Feature, Features};
use crate::ai::deadline::Deadline;
use crate::ai::image::{Encoded, Image, Size, Source, colors};
use crate::ai::provider::{Failure, REQUESTS};
use crate::budget::Payer;
use crate::cache::{Flown, Key, KeyBuilder, Made, Peeked, Reader};
use crate::error::Invalid;
use crate::money::Money;
use crate::{App, Error, Result, spending, uploads};

/// In the ledger.
const MODEL: &str = "google-vision";
/// What was seen is the same whoever asks for it.
const SEEN: &str = "analyze-image";
/// Raise it when answers are read in another way.
const VERSION: &[u8] = b"1";
/// How long what was seen is good for: the image does not change, the provider's eyes get better.
const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// How long the answer of one call is shared as a whole, with those who asked for the same at the same time.
const SHARED: Duration = Duration::from_secs(60);

/// An image to look at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Body")]
pub struct Request {
    /// Where it is.
    pub source: Source,
    /// What to look for.
    pub features: Features,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Body {
    image: Option<Encoded>,
    image_key: Option<String>,
    #[serde(default)]
    analysis_types: Features,
}

impl TryFrom<Body> for Request {
    type Error = &'static str;

    fn try_from(Body { image, image_key, analysis_types }: Body) -> Result<Self, Self::Error> {
        Ok(Self { source: Source::one_of(image, image_key)?, features: analysis_types })
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analyzed {
    /// What was asked for.
    pub analysis: Analysis,
    /// The image as it is shown; boxes and points are in it.
    pub image: Size,
    /// Whether all of it was known.
    pub cached: bool,
    /// Who looked.
    pub source: By,
    /// What the known part would have cost, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_usd: Option<Money>,
}

/// Who looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Google Vision.
    Google,
    /// This function: colours alone, by counting.
    Local,
}

/// Why a call that others waited for gave nothing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Shared {
    image: bool,
    retryable: bool,
}

/// Who asks, on whose bill, and until when.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The deployment.
    pub app: &'a App,
    /// Who pays.
    pub payer: Payer,
    /// Whose answers may be found.
    pub reader: Reader,
    /// The function, in the books.
    pub operation: &'static str,
    /// The time that is left.
    pub(crate) deadline: Deadline,
}

impl<'a> Asking<'a> {
    /// With `left` from now on.
    pub fn new(app: &'a App, payer: Payer, reader: Reader, operation: &'static str, left: Duration) -> Self {
        Self { app, payer, reader, operation, deadline: Deadline::after(left) }
    }

    /// The image that a caller hands over.
    ///
    /// # Errors
    /// Why it is not worked on; NOT_FOUND for an upload that is not there, or another's; `Unavailable`.
    pub async fn image(&self, source: Source) -> Result<Image> {
        match source {
            Source::Inline(encoded) => encoded.try_into(),
            Source::Upload(key) => {
                let key = uploads::Key::owned(&key, self.payer.user)?;
                self.app.uploads()?.read(key, self.app.clock.now(), self.deadline).await
            }
        }
    }

    /// Begins the key of what is known about an image.
    pub(crate) fn about(&self, operation: &'static str, image: &Image, version: &[u8]) -> KeyBuilder {
        let orientation = [image.orientation().value()];
        Key::of(&self.reader, operation, version).with("image", image.hash()).with("orientation", orientation)
    }
}

/// Looks at an image.
///
/// # Errors
/// `Unconfigured` without a provider, unless only colours are asked for; `Invalid` for an image that it cannot take;
/// `OverBudget`, `Upstream`.
pub async fn analyze(asking: Asking<'_>, image: &Image, features: &Features) -> Result<Analyzed> {
    let answer =
        |analysis, cached, source, saved_usd| Analyzed { analysis, image: image.shown(), cached, source, saved_usd };
    let images = asking.app.providers.images().await?;
    let Some(vision) = &images.vision else {
        if features.iter().all(|feature| feature == Feature::Colors)
            && let Some(colors) = colors::palette(image)
        {
            let analysis = Analysis { colors: Some(colors), ..Analysis::default() };
            return Ok(answer(analysis, false, By::Local, None));
        }
        return Err(annotate::unconfigured());
    };
    small_enough(image)?;
    let Known { analysis: known, missing, peeked } = known(&asking, image, features).await;
    let found: Vec<Feature> = features.iter().filter(|feature| !missing.contains(feature)).collect();
    let saved = async {
        let found = Features::of(found)?;
        note(&asking, &found).await
    };
    let Some(missing) = Features::of(missing) else {
        return Ok(answer(known, true, By::Google, saved.await));
    };
    let (seen, saved) = tokio::join!(see(&asking, vision, image, &missing, peeked), saved);
    let (seen, fresh) = seen?;
    let saved =
        if fresh { saved } else { note(&asking, &missing).await.map(|more| more.plus(saved.unwrap_or_default())) };
    Ok(answer(known.with(seen), !fresh, By::Google, saved))
}

/// Whether an image fits into a request to a provider that reads base64.
///
/// # Errors
/// IMAGE_TOO_LARGE.
pub(crate) fn small_enough(image: &Image) -> Result<()> {
    if image.bytes().len() <= MOST_BYTES {
        return Ok(());
    }
    let message = format!("An image that is looked at has up to {MOST_BYTES} bytes, without its metadata.");
    Err(Error::Invalid { code: Invalid::ImageTooLarge, message })
}

struct Known {
    analysis: Analysis,
    missing: Vec<Feature>,
    /// What there is of a call for all features, which is made if none is known.
    peeked: Option<Peeked>,
}

/// What is known of the image, feature by feature.
async fn known(asking: &Asking<'_>, image: &Image, features: &Features) -> Known {
    let keys: Vec<_> = features.iter().map(|feature| key(asking, image, feature)).collect();
    let (found, peeked) = asking.app.cache.get_all::<Analysis>(&keys, flight(asking, image, features)).await;
    let (mut analysis, mut missing) = (Analysis::default(), Vec::new());
    for (feature, found) in features.iter().zip(found) {
        match found {
            Some(found) => analysis = analysis.with(found),
            None => missing.push(feature),
        }
    }
    Known { analysis, missing, peeked }
}

fn key(asking: &Asking<'_>, image: &Image, feature: Feature) -> Key {
    asking.about(SEEN, image, VERSION).with("feature", feature.name()).build()
}

/// One call for these features, which all who ask for the same at the same time share.
fn flight(asking: &Asking<'_>, image: &Image, features: &Features) -> Key {
    asking.about(SEEN, image, VERSION).list("features", features.iter().map(Feature::name)).build()
}

/// Asks the provider for all of `missing` at once, or waits for whoever asks the same; whether it was this caller who paid.
async fn see(
    asking: &Asking<'_>,
    vision: &Vision,
    image: &Image,
    missing: &Features,
    peeked: Option<Peeked>,
) -> Result<(Analysis, bool)> {
    let Asking { app, payer, reader: _, operation, deadline } = *asking;
    let each = annotate::price(missing)?;
    let worst = each.times(u64::from(REQUESTS));
    let flight = flight(asking, image, missing);
    let own = Mutex::new(None);
    let flown = app.cache.single_flight_ahead(&flight, SHARED, deadline.left(), peeked, |turn| {
        let own = &own;
        async move {
            let call = async {
                let delivery = vision.annotate(image, missing, deadline).await;
                let spent = spending::by_the_piece(MODEL, each, delivery.result.is_ok(), delivery.uncounted);
                (delivery.result, spent)
            };
            let (seen, booking) = spending::pay_in_turn(app, payer, operation, MODEL, worst, &turn, call).await?;
            Ok(match seen {
                Ok(seen) => {
                    let kept = keep(*asking, image, missing, seen.clone());
                    Made::new(Ok(seen)).meanwhile(async {
                        tokio::join!(booking, kept);
                    })
                }
                Err(failure) => {
                    log(operation, &failure);
                    let shared = Shared { image: annotate::refuses_image(&failure), retryable: failure.is_retryable() };
                    *own.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                    Made::new(Err(shared)).meanwhile(booking)
                }
            })
        }
    });
    let unseen =
        |retryable, source: &str| Error::Upstream { provider: annotate::NAME, retryable, source: source.into() };
    match flown.await? {
        Flown::Known(seen) => Ok((seen, false)),
        Flown::Made(seen) => Ok((seen, true)),
        Flown::Failed(Shared { image, retryable }) => match own.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(failure) => Err(annotate::into_error(failure)),
            None if image => Err(annotate::unreadable()),
            None => Err(unseen(retryable, "somebody else asked the same and got nothing")),
        },
        Flown::Late => Err(unseen(true, "somebody else was still asking the same")),
    }
}

/// Keeps what was seen, feature by feature.
async fn keep(asking: Asking<'_>, image: &Image, features: &Features, seen: Analysis) {
    let answers = features.iter().map(|feature| (key(&asking, image, feature), seen.only(feature)));
    asking.app.cache.put_all(KEPT, answers).await;
}

/// Books what was not spent. Usage is statistics: no answer fails for it.
async fn note(asking: &Asking<'_>, found: &Features) -> Option<Money> {
    let saved = annotate::price(found).ok()?;
    if let Err(error) = asking.app.budget.note_saving(asking.payer, asking.operation, MODEL, saved).await {
        tracing::warn!(code = error.code(), error = ?error, "a saving was not booked");
    }
    Some(saved)
}

pub(crate) fn log(operation: &'static str, failure: &Failure) {
    tracing::warn!(
        operation,
        provider = failure.provider,
        failure = ?failure.kind,
        status = failure.http_status(),
        code = failure.code,
        provider_request_id = failure.request_id,
        "the provider failed"
    );
}
