//! An image without what is behind its subject, by remove.bg.
//!
//! What comes back is looked at like any other image: it is an image, it is not the one that was sent, and it carries no
//! metadata. A failure is an error: nobody gets the original in place of a cut-out.
//! Deliberately absent: images by address, archives, shadows, crops.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::image::{Encoded, Format, Image, Source};
use super::provider::Delivery;
use super::vision::analyze::{Asking, log};
use crate::cache::{self, Flown, Key, Made};
use crate::error::Invalid;
use crate::money::Money;
use crate::{Error, Result, prices, spending};

mod remove_bg;

use remove_bg::CutOut;
pub use remove_bg::{Account, NAME, RemoveBg};

/// In the ledger.
const MODEL: &str = "remove-bg";
/// Raise it when images are cut out in another way.
const VERSION: &[u8] = b"1";
/// How long a cut-out is good for.
const KEPT: Duration = Duration::from_secs(86_400);
/// The most bytes that are put into an answer, which Lambda ends at 6 MB of text; above, there is an address.
const INLINE: usize = 4_300_000;

/// An image whose background is to go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Body")]
pub struct Request {
    /// Where it is.
    pub source: Source,
    /// How it is to be cut out.
    pub options: Options,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Body {
    image: Option<Encoded>,
    image_key: Option<String>,
    #[serde(default)]
    size: Resolution,
    #[serde(default)]
    format: Output,
    background_color: Option<Hex>,
}

/// How an image is to be cut out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    size: Resolution,
    format: Output,
    background: Option<Hex>,
}

impl TryFrom<Body> for Request {
    type Error = &'static str;

    fn try_from(body: Body) -> Result<Self, Self::Error> {
        let Body { image, image_key, size, format, background_color: background } = body;
        if format == Output::Jpg && background.is_none() {
            return Err("`format` jpg has no transparency: it needs a `backgroundColor`");
        }
        Ok(Self { source: Source::one_of(image, image_key)?, options: Options { size, format, background } })
    }
}

/// How many pixels come back, and what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Resolution {
    /// The most that the image and the account's credits allow: at most one credit.
    #[default]
    Auto,
    /// At most 0.25 million, for a quarter of a credit.
    Preview,
    /// As many as there are, for one credit.
    Full,
}

/// What comes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Output {
    /// PNG where something is transparent, else JPEG.
    #[default]
    Auto,
    /// PNG.
    Png,
    /// JPEG.
    Jpg,
}

/// A colour in hexadecimal digits, 3, 4, 6 or 8 of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Hex(String);

impl TryFrom<String> for Hex {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.strip_prefix('#').unwrap_or(&text).to_ascii_lowercase();
        let valid = matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if valid { Ok(Self(digits)) } else { Err("`backgroundColor` is a colour such as #81d4fa") }
    }
}

impl Options {
    /// The fields of the provider's form.
    fn fields(&self) -> Vec<(&'static str, &str)> {
        let Self { size, format, background } = self;
        let size = match size {
            Resolution::Auto => "auto",
            Resolution::Preview => "preview",
            Resolution::Full => "full",
        };
        let format = match format {
            Output::Auto => "auto",
            Output::Png => "png",
            Output::Jpg => "jpg",
        };
        let background = background.as_ref().map(|Hex(digits)| ("bg_color", digits.as_str()));
        [("size", size), ("format", format)].into_iter().chain(background).collect()
    }

    /// The most that it may cost, in hundredths of a credit.
    fn most_credits(&self) -> u64 {
        if self.size == Resolution::Preview { 25 } else { 100 }
    }
}

/// A cut-out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// What an `<img>` shows: a data URI; for more than 4.3 MB an address that may be read for an hour.
    pub image: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// What this call was charged: nothing, if the cut-out was known.
    pub credits_charged: f64,
    /// Whether it was known.
    pub cached: bool,
    /// What it would have cost, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_usd: Option<Money>,
}

/// A cut-out as it is kept.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    image: String,
    width: u32,
    height: u32,
    /// In hundredths.
    credits: u64,
}

/// Why a call that others waited for gave nothing.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Shared {
    image: bool,
    retryable: bool,
}

/// Cuts an image out.
///
/// # Errors
/// `Unconfigured` without a provider; `Invalid` for an image without a subject, or that it cannot read; `OverBudget`,
/// `Upstream`.
pub async fn remove(asking: Asking<'_>, image: Image, options: &Options) -> Result<Removed> {
    let images = asking.app.providers.images().await?;
    let Some(provider) = &images.background else {
        return Err(Error::Unconfigured { provider: NAME, setting: "REMOVEBG_API_KEY" });
    };
    if image.format() == Format::Gif {
        let message = "Send a JPEG, PNG or WebP image: backgrounds of GIF images are not removed.".to_owned();
        return Err(Error::Invalid { code: Invalid::UnsupportedImage, message });
    }
    let Asking { app, payer, reader: _, operation, deadline } = asking;
    let credit = prices::units("remove-bg/credit", 1)?;
    let worst = credit.share_up(options.most_credits(), 100);
    let key = key(&asking, &image, options);
    let (sent, boundary) = (*image.hash(), app.random.bytes::<16>()?.map(|byte| format!("{byte:02x}")).concat());
    // The image moves into the form: held here as well, it would be there twice while the provider works.
    let form = Mutex::new(Some(remove_bg::form(&image, options, &boundary)));
    drop(image);
    let own = Mutex::new(None);
    let flown = app.cache.single_flight_ahead(&key, KEPT, deadline.left(), None, |turn| {
        let (own, form, boundary) = (&own, &form, boundary.as_str());
        async move {
            let call = async {
                let form = form.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
                let Delivery { result, uncounted } = provider.cut_out(form, boundary, sent, deadline).await;
                // What is not told is taken at its dearest.
                let credits = match &result {
                    Ok(CutOut { credits: Some(credits), .. }) => *credits,
                    _ => options.most_credits(),
                };
                let spent = spending::by_the_piece(MODEL, credit.share_up(credits, 100), result.is_ok(), uncounted);
                (result.map(|cut| (cut.image, credits)), spent)
            };
            let (cut, booking) = spending::pay_in_turn(app, payer, operation, MODEL, worst, &turn, call).await?;
            let fails = |result, image, retryable| {
                *own.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                Err(Shared { image, retryable })
            };
            let made = match cut {
                Ok((image, credits)) => {
                    // What no cache has room for goes to its caller alone.
                    let private = image.bytes().len() > cache::MOST * 9 / 10;
                    match show(&asking, image, credits).await {
                        Ok(kept) if !private => Ok(kept),
                        Ok(kept) => fails(Ok(kept), false, true),
                        Err(error) => fails(Err(error), false, true),
                    }
                }
                Err(failure) => {
                    log(operation, &failure);
                    let (image, retryable) = (remove_bg::refuses_image(&failure), failure.is_retryable());
                    fails(Err(remove_bg::into_error(failure)), image, retryable)
                }
            };
            Ok(Made::new(made).meanwhile(booking))
        }
    });
    let upstream = |retryable, source: &str| Error::Upstream { provider: NAME, retryable, source: source.into() };
    match flown.await? {
        Flown::Known(kept) => {
            let saved = credit.share_up(kept.credits, 100);
            if let Err(error) = app.budget.note_saving(payer, operation, MODEL, saved).await {
                tracing::warn!(code = error.code(), error = ?error, "a saving was not booked");
            }
            Ok(kept.removed(Some(saved)))
        }
        Flown::Made(kept) => Ok(kept.removed(None)),
        Flown::Failed(Shared { image, retryable }) => match own.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(own) => own.map(|kept| kept.removed(None)),
            None if image => Err(remove_bg::unusable()),
            None => Err(upstream(retryable, "somebody else asked the same, and has an answer that is not shared")),
        },
        Flown::Late => Err(upstream(true, "somebody else was still asking the same")),
    }
}

impl Kept {
    fn removed(self, saved_usd: Option<Money>) -> Removed {
        let Self { image, width, height, credits } = self;
        let cached = saved_usd.is_some();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
        let credits_charged = if cached { 0.0 } else { credits as f64 / 100.0 };
        Removed { image, width, height, credits_charged, cached, saved_usd }
    }
}

/// Everything that a cut-out depends on.
fn key(asking: &Asking<'_>, image: &Image, options: &Options) -> Key {
    let fields = options.fields();
    asking
        .about("remove-background", image, VERSION)
        .list("options", fields.iter().flat_map(|(name, value)| [*name, value]))
        .build()
}

/// The cut-out as a data URI, or, above what an answer holds, as an address below the caller's own prefix.
async fn show(asking: &Asking<'_>, image: Image, credits: u64) -> Result<Kept> {
    let Asking { app, payer, deadline, .. } = *asking;
    let size = image.stored();
    let image = if image.bytes().len() <= INLINE {
        let mut uri = format!("data:{};base64,", image.format().media_type());
        uri.reserve_exact(image.bytes().len() / 3 * 4 + 4);
        base64_simd::STANDARD.encode_append(image.bytes(), &mut uri);
        uri
    } else {
        app.uploads()?.publish(payer.user, image, app.clock.now(), deadline).await?.1
    };
    Ok(Kept { image, width: size.width, height: size.height, credits })
}
