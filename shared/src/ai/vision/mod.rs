//! What is to be seen in an image: faces, objects, text, labels, what offends, colours, where to cut.
//!
//! Boxes and points are pixels of the image as it is shown: turned as its EXIF says, and never outside of it.
//!
//! - `wire`: what the provider sends, read leniently; `read` and `text` make shapes of it.
//! - `annotate`: the request, and the one call. `google`: who we are to it.
//! - `analyze`: what is known, what is asked, what it costs. `describe`: an image in words.
//!
//! Deliberately absent: anything that is not the provider's: without one, nothing is made up.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub mod analyze;
mod annotate;
pub mod describe;
pub mod google;
mod read;
mod text;
mod wire;

pub use annotate::{Account, Vision};

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Feature {
    /// Faces, and what they show.
    Faces,
    /// Things, and where they are.
    Objects,
    /// What is written.
    Text,
    /// What it is about.
    Labels,
    /// What may offend.
    SafeSearch,
    /// Dominant colours.
    Colors,
    /// Where to cut.
    CropHints,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Faces, Self::Objects, Self::Text, Self::Labels, Self::SafeSearch, Self::Colors, Self::CropHints];

    /// As requests and answers have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Faces => "faces",
            Self::Objects => "objects",
            Self::Text => "text",
            Self::Labels => "labels",
            Self::SafeSearch => "safeSearch",
            Self::Colors => "colors",
            Self::CropHints => "cropHints",
        }
    }
}

/// A part of what can be asked for; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Asked>")]
pub struct Features(BTreeSet<Feature>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "faces, objects, text, labels, safeSearch, colors, cropHints or all")]
enum Asked {
    One(Feature),
    All(All),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum All {
    All,
}

impl TryFrom<Vec<Asked>> for Features {
    type Error = &'static str;

    fn try_from(asked: Vec<Asked>) -> Result<Self, Self::Error> {
        let mut features = BTreeSet::new();
        for asked in asked {
            match asked {
                Asked::One(feature) => features.extend([feature]),
                Asked::All(All::All) => features.extend(Feature::ALL),
            }
        }
        Self::of(features).ok_or("`analysisTypes` names at least one type")
    }
}

impl Default for Features {
    fn default() -> Self {
        Self(Feature::ALL.into())
    }
}

impl Features {
    /// These; `None` for none.
    pub fn of(features: impl IntoIterator<Item = Feature>) -> Option<Self> {
        let features: BTreeSet<_> = features.into_iter().collect();
        (!features.is_empty()).then_some(Self(features))
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = Feature> + '_ {
        self.0.iter().copied()
    }
}

/// What was seen: what was asked for, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// Faces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faces: Option<Vec<Face>>,
    /// Things.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<Vec<Object>>,
    /// What is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<Label>>,
    /// What may offend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe_search: Option<SafeSearch>,
    /// Dominant colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colors: Option<Vec<DominantColor>>,
    /// Where to cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop_hints: Option<Vec<CropHint>>,
}

impl Analysis {
    /// What of it answers `feature`, alone.
    #[must_use]
    pub fn only(&self, feature: Feature) -> Self {
        let none = Self::default();
        match feature {
            Feature::Faces => Self { faces: self.faces.clone(), ..none },
            Feature::Objects => Self { objects: self.objects.clone(), ..none },
            Feature::Text => Self { text: self.text.clone(), ..none },
            Feature::Labels => Self { labels: self.labels.clone(), ..none },
            Feature::SafeSearch => Self { safe_search: self.safe_search, ..none },
            Feature::Colors => Self { colors: self.colors.clone(), ..none },
            Feature::CropHints => Self { crop_hints: self.crop_hints.clone(), ..none },
        }
    }

    /// Both together; what the other has wins.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            faces: other.faces.or(self.faces),
            objects: other.objects.or(self.objects),
            text: other.text.or(self.text),
            labels: other.labels.or(self.labels),
            safe_search: other.safe_search.or(self.safe_search),
            colors: other.colors.or(self.colors),
            crop_hints: other.crop_hints.or(self.crop_hints),
        }
    }
}

/// A rectangle in pixels, within the image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// From the left edge.
    pub left: u32,
    /// From the top edge.
    pub top: u32,
    /// To the right of `left`.
    pub width: u32,
    /// Below `top`.
    pub height: u32,
}

/// A face.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Face {
    /// The whole head.
    pub bounding_box: BoundingBox,
    /// That it is a face, 0 to 1.
    pub confidence: f64,
    /// What it shows.
    pub emotions: Emotions,
    /// Where eyes, nose and mouth are.
    pub landmarks: Vec<Landmark>,
}

/// How likely, 0 to 1, in quarters: VERY_UNLIKELY is 0, VERY_LIKELY 1; what is not known is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Emotions {
    /// Joy.
    pub joy: f64,
    /// Sorrow.
    pub sorrow: f64,
    /// Anger.
    pub anger: f64,
    /// Surprise.
    pub surprise: f64,
}

/// A point of a face.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Landmark {
    /// Such as LEFT_EYE: the provider's names. Left is the person's, in an image that is not mirrored.
    pub r#type: String,
    /// In pixels; `z` grows away from the viewer.
    pub position: Position,
}

/// A point in space.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// From the left edge.
    pub x: f64,
    /// From the top edge.
    pub y: f64,
    /// Depth.
    pub z: f64,
}

/// A thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// What it is.
    pub name: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Where it is.
    pub bounding_box: BoundingBox,
}

/// What is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// All of it, as it is read.
    pub text: String,
    /// The mean of the blocks, 0 to 1; 0 when the provider tells none.
    pub confidence: f64,
    /// Its main language (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Its parts.
    pub blocks: Vec<Block>,
}

/// A part of what is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// What it says, with the spaces and line breaks that were detected.
    pub text: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Where it stands.
    pub bounding_box: BoundingBox,
}

/// What it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// In English.
    pub description: String,
    /// 0 to 1.
    pub score: f64,
}

/// How likely something is: the provider's words. What it does not say, or says in a new word, is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Likelihood {
    /// 0.
    VeryUnlikely,
    /// A quarter.
    Unlikely,
    /// A half.
    Possible,
    /// Three quarters.
    Likely,
    /// 1.
    VeryLikely,
    /// Not told.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Likelihood {
    /// From 0 to 1.
    pub fn score(self) -> f64 {
        match self {
            Self::Unknown | Self::VeryUnlikely => 0.0,
            Self::Unlikely => 0.25,
            Self::Possible => 0.5,
            Self::Likely => 0.75,
            Self::VeryLikely => 1.0,
        }
    }
}

/// What may offend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SafeSearch {
    /// For adults.
    pub adult: Likelihood,
    /// Changed to mock.
    pub spoof: Likelihood,
    /// Medicine.
    pub medical: Likelihood,
    /// Violence.
    pub violence: Likelihood,
    /// Little clothing.
    pub racy: Likelihood,
}

/// A colour that covers much.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DominantColor {
    /// Which.
    pub color: Color,
    /// How much it stands out, 0 to 1.
    pub score: f64,
    /// How much of the image has it, 0 to 1.
    pub pixel_fraction: f64,
}

/// Channels, 0 to 255.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Color {
    /// Red.
    pub red: f64,
    /// Green.
    pub green: f64,
    /// Blue.
    pub blue: f64,
}

/// Where to cut.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CropHint {
    /// What to keep.
    pub bounding_box: BoundingBox,
    /// 0 to 1.
    pub confidence: f64,
    /// How much of what matters is kept; more than 1 is possible.
    pub importance_fraction: f64,
}

#[cfg(test)]
mod tests;
