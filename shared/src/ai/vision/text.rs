//! What is written: blocks are put together again from symbols and the breaks that were detected between them.

use super::read::Frame;
use super::wire::{self, BreakType};
use super::{Block, Text};

/// `full` has the structure; without it, the first entity is the whole text.
pub(super) fn text(full: Option<wire::FullText>, entities: &[wire::Entity], frame: Frame) -> Text {
    let first = entities.first();
    let locale = first.map(|entity| entity.locale.clone()).filter(|locale| !locale.is_empty());
    let Some(wire::FullText { text, pages }) = full else {
        let text = first.map(|entity| entity.description.clone()).unwrap_or_default();
        return Text { text, language: locale, ..Text::default() };
    };
    let blocks: Vec<Block> = pages.iter().flat_map(|page| &page.blocks).map(|found| block(found, frame)).collect();
    let told: Vec<f64> = blocks.iter().map(|block| block.confidence).filter(|told| *told > 0.0).collect();
    let confidence = match told.len() {
        0 => pages.iter().map(|page| page.confidence).fold(0.0, f64::max),
        #[expect(clippy::cast_precision_loss, reason = "far fewer blocks than 2^52")]
        count => told.iter().sum::<f64>() / count as f64,
    };
    let language = locale.or_else(|| language(&pages));
    Text { text, confidence, language, blocks }
}

/// The language that is surest; of several alike, the first.
fn language(pages: &[wire::Page]) -> Option<String> {
    let mut best: Option<&wire::Language> = None;
    for language in pages.iter().flat_map(|page| &page.property.detected_languages) {
        if !language.language_code.is_empty() && best.is_none_or(|best| language.confidence > best.confidence) {
            best = Some(language);
        }
    }
    best.map(|language| language.language_code.clone())
}

fn block(found: &wire::Block, frame: Frame) -> Block {
    let mut text = String::new();
    for symbol in found.paragraphs.iter().flat_map(|paragraph| &paragraph.words).flat_map(|word| &word.symbols) {
        let (gap, before) = match &symbol.property.detected_break {
            Some(wire::Break { r#type, is_prefix }) => (gap(*r#type), *is_prefix),
            None => ("", false),
        };
        if before {
            text.push_str(gap);
        }
        text.push_str(&symbol.text);
        if !before {
            text.push_str(gap);
        }
    }
    text.truncate(text.trim_end().len());
    Block { text, confidence: found.confidence, bounding_box: frame.bounds(&found.bounding_box) }
}

fn gap(kind: BreakType) -> &'static str {
    match kind {
        BreakType::Unknown => "",
        BreakType::Space | BreakType::SureSpace => " ",
        BreakType::EolSureSpace | BreakType::LineBreak => "\n",
        // The hyphen is not among the symbols.
        BreakType::Hyphen => "-\n",
    }
}
