//! The embedded engine: a description becomes fields with no model at all.
//!
//! The kind of form brings its usual fields (`kind`, `catalogue`); the description adds those that it names and takes
//! away those that it rules out (`named`); those that the form has already are left out. The result is never empty,
//! passes `check`, and is the same for the same request, always.
//! Deliberately absent: randomness, learning, and any language but English: other text gives the general form.

use super::catalogue::{GENERAL, Known, known};
use super::check::MOST_FIELDS;
use super::field::{Field, FieldType};
use super::request::{Existing, plain};

mod item;
mod kind;
mod make;
mod named;
mod words;

use item::{ALIASES, Wanted};
use make::of_known;

/// The fields for a description.
pub(crate) fn fields(context: &str, existing: &Existing) -> Vec<Field> {
    let tokens = words::tokens(context);
    let named = named::read(context, &tokens);
    let kind = kind::choose(&tokens, named.head);
    let listed = if kind.is_none() && named.wanted.is_empty() { named::bare(&tokens) } else { Vec::new() };
    let base = match kind {
        _ if named.only || !listed.is_empty() => "",
        Some(kind) => kind.fields,
        None if named.wanted.is_empty() => GENERAL.fields,
        None => "",
    };
    let mut fields: Vec<(Field, bool)> = base.split(' ').filter_map(of_id).collect();
    for wanted in named.wanted.into_iter().chain(listed) {
        add(&mut fields, wanted);
    }
    if let Some(required) = named.all_required {
        fields.iter_mut().for_each(|(field, _)| field.required = required);
    }
    let taken = Taken::new(existing);
    fields.retain(|(field, _)| !named.unwanted.iter().any(|unwanted| unwanted.is(field)) && !taken.has(field));
    // Consent closes a form; the sort is stable.
    fields.sort_by_key(|(_, last)| *last);
    fields.truncate(MOST_FIELDS);
    let mut fields: Vec<Field> = fields.into_iter().map(|(field, _)| field).collect();
    if fields.is_empty() {
        fields.extend(filler(existing));
    }
    fields
}

/// A kind's field: an id, with `!` when it is required.
fn of_id(id: &str) -> Option<(Field, bool)> {
    let known = known(id.trim_end_matches('!'))?;
    Some((Field { required: id.ends_with('!'), ..of_known(known) }, known.last))
}

/// A field that the description names: it changes the one of its name, or joins the others.
fn add(fields: &mut Vec<(Field, bool)>, wanted: Wanted) {
    let name = plain(&wanted.field.field_name);
    let has = |id: &str| fields.iter().any(|(field, _)| field.field_name == id);
    if wanted.field.field_name == "name" && has("firstName") && has("lastName") {
        return;
    }
    if wanted.field.field_name == "firstName" || wanted.field.field_name == "lastName" {
        fields.retain(|(field, _)| field.field_name != "name");
    }
    match fields.iter_mut().find(|(field, _)| plain(&field.field_name) == name) {
        Some((field, _)) => {
            field.required = wanted.marked.unwrap_or(field.required);
            if wanted.offered {
                *field = Field { required: field.required, ..wanted.field };
            }
        }
        None => fields.push((wanted.field, wanted.last)),
    }
}

/// What the form has already: by name, and by meaning where the catalogue knows the name.
struct Taken<'e> {
    existing: &'e Existing,
    meant: Vec<&'static str>,
}

impl<'e> Taken<'e> {
    fn new(existing: &'e Existing) -> Self {
        let meaning = |name: &String| ALIASES.whole(&words::tokens(&words::stems(name).join(" ")));
        let mut meant: Vec<&'static str> = existing.names().iter().filter_map(meaning).flat_map(names_of).collect();
        if meant.contains(&"firstName") && meant.contains(&"lastName") {
            meant.push("name");
        } else if meant.contains(&"name") {
            meant.extend(["firstName", "lastName"]);
        }
        Self { existing, meant }
    }

    fn has(&self, field: &Field) -> bool {
        self.existing.has(&field.field_name) || self.meant.contains(&field.field_name.as_str())
    }
}

/// The field names that an entry stands for.
fn names_of(entry: &'static Known) -> Vec<&'static str> {
    let parts = entry.parts.split(' ').filter_map(known).map(|part| part.name);
    std::iter::once(entry.name).chain(parts).collect()
}

/// What is left to ask when everything is there or ruled out.
fn filler(existing: &Existing) -> Option<Field> {
    let field = of_known(known("additionalInformation")?);
    let numbered = (2..).map(|n| format!("{}{n}", field.field_name));
    let mut names = std::iter::once(field.field_name.clone()).chain(numbered);
    let field_name = names.find(|name| !existing.has(name))?;
    Some(Field { field_name, field_type: FieldType::Textarea, ..field })
}

#[cfg(test)]
mod tests;
