//! What images:annotate answers, as it is read: every member may be missing, because proto-JSON leaves out zeros, empty
//! texts and empty lists; a word that is new is unknown, and a member that is new is not looked at.

use serde::Deserialize;

use super::{Color, Likelihood, Position, SafeSearch};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Responses {
    pub responses: Vec<Response>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Response {
    pub face_annotations: Vec<Face>,
    pub localized_object_annotations: Vec<Object>,
    pub label_annotations: Vec<Entity>,
    pub text_annotations: Vec<Entity>,
    pub full_text_annotation: Option<FullText>,
    pub safe_search_annotation: Option<SafeSearch>,
    pub image_properties_annotation: Option<Properties>,
    pub crop_hints_annotation: Option<CropHints>,
    pub error: Option<Status>,
}

/// An error of one image, inside an answer with status 200.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    /// Of google.rpc.
    pub code: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Face {
    pub bounding_poly: Poly,
    pub landmarks: Vec<Landmark>,
    pub detection_confidence: f64,
    pub joy_likelihood: Likelihood,
    pub sorrow_likelihood: Likelihood,
    pub anger_likelihood: Likelihood,
    pub surprise_likelihood: Likelihood,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Landmark {
    pub r#type: String,
    pub position: Place,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    pub x: f64,
    pub y: f64,
    pub z: f64,
}

impl From<Place> for Position {
    fn from(Place { x, y, z }: Place) -> Self {
        Self { x, y, z }
    }
}

/// Corners in pixels, or as shares of width and height.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Poly {
    pub vertices: Vec<Vertex>,
    pub normalized_vertices: Vec<Vertex>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct Vertex {
    pub x: f64,
    pub y: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Object {
    pub name: String,
    pub score: f64,
    pub bounding_poly: Poly,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entity {
    pub description: String,
    pub score: f64,
    pub locale: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FullText {
    pub text: String,
    pub pages: Vec<Page>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    pub property: Property,
    pub blocks: Vec<Block>,
    pub confidence: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Property {
    pub detected_languages: Vec<Language>,
    pub detected_break: Option<Break>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Language {
    pub language_code: String,
    pub confidence: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Break {
    pub r#type: BreakType,
    pub is_prefix: bool,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum BreakType {
    Space,
    SureSpace,
    EolSureSpace,
    Hyphen,
    LineBreak,
    #[default]
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Block {
    pub bounding_box: Poly,
    pub paragraphs: Vec<Paragraph>,
    pub confidence: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Paragraph {
    pub words: Vec<Word>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Word {
    pub symbols: Vec<Symbol>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Symbol {
    pub text: String,
    pub property: Property,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Properties {
    pub dominant_colors: Colors,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Colors {
    pub colors: Vec<ColorInfo>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ColorInfo {
    pub color: Color,
    pub score: f64,
    pub pixel_fraction: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CropHints {
    pub crop_hints: Vec<CropHint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CropHint {
    pub bounding_poly: Poly,
    pub confidence: f64,
    pub importance_fraction: f64,
}
