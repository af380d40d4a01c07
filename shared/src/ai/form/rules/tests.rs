//! What the engine makes of descriptions; `catalogue` data is held to `check` here.

use proptest::prelude::*;

use super::*;
use crate::ai::form::catalogue::{KINDS, KNOWN};
use crate::ai::form::check::check;
use crate::ai::form::request::Context;

fn form(context: &str) -> Vec<Field> {
    fields(context, &Existing::default())
}

fn names(context: &str) -> Vec<String> {
    form(context).into_iter().map(|field| field.field_name).collect()
}

fn named(context: &str, name: &str) -> Field {
    let found = form(context).into_iter().find(|field| field.field_name == name);
    found.unwrap_or_else(|| panic!("{name} in {context}: {:?}", names(context)))
}

fn kind_of(context: &str) -> &'static str {
    let tokens = words::tokens(context);
    kind::choose(&tokens, named::read(context, &tokens).head).map_or("none", |kind| kind.name)
}

fn existing(names: &[&str]) -> Existing {
    Existing::new(names.iter().map(|name| (*name).to_owned())).expect("few and short")
}

#[test]
fn every_kind_is_sound_and_announced_by_its_own_name() {
    assert!(KINDS.len() >= 20);
    for kind in KINDS.iter().chain([&GENERAL]) {
        let ids: Vec<&str> = kind.fields.split(' ').collect();
        assert!(ids.iter().all(|id| of_id(id).is_some()), "{}: {ids:?}", kind.name);
        let made = ids.iter().filter_map(|id| of_id(id)).map(|(field, _)| field).collect();
        assert_eq!(check(made, &Existing::default()).err(), None, "{}", kind.name);
        if *kind != GENERAL {
            assert_eq!(kind_of(&format!("A {} form", kind.name)), kind.name);
        }
    }
}

#[test]
fn every_known_field_is_sound() {
    for (place, entry) in KNOWN.iter().enumerate() {
        assert_eq!(KNOWN.iter().position(|other| other.id == entry.id), Some(place), "{}", entry.id);
        assert!(entry.parts.is_empty() || entry.parts.split(' ').all(|part| known(part).is_some()), "{}", entry.id);
        assert_eq!(check(vec![of_known(entry)], &Existing::default()).err(), None, "{}", entry.id);
    }
}

#[test]
fn descriptions_announce_their_kind() {
    for (context, kind) in [
        ("Log in to my app", "login"),
        ("User registration form for a new account", "registration"),
        ("Registration form for a tech conference", "event registration"),
        ("workshop sign-up", "event registration"),
        ("Newsletter signup", "newsletter"),
        ("I want a contact form for my bakery", "contact"),
        ("Please make something to collect feedback from customers", "feedback"),
        ("Reset your password", "password reset"),
        ("hotel room booking with breakfast", "hotel booking"),
        ("Book a table at our restaurant", "table reservation"),
        ("book review form", "review"),
        ("Job application for a nurse", "job application"),
        ("loan application form", "loan application"),
        ("customer support ticket", "support ticket"),
        ("report a bug in the app", "bug report"),
        ("customer satisfaction survey", "survey"),
        ("checkout page with shipping address", "checkout"),
        ("a page with a contact form", "contact"),
        ("form for dogs with payment method", "none"),
        ("", "none"),
    ] {
        assert_eq!(kind_of(context), kind, "{context}");
    }
}

#[test]
fn fields_named_in_the_text_join_those_of_the_kind() {
    let made = names("Contact form with a phone number and a t-shirt size");
    assert_eq!(made, ["name", "email", "phone", "subject", "message", "tshirtSize"]);
    let made = names("Event form including first name, last name, date of birth and dietary requirements");
    for name in ["firstName", "lastName", "dateOfBirth", "dietaryRequirements"] {
        assert_eq!(made.iter().filter(|made| *made == name).count(), 1, "{made:?}");
    }
}

#[test]
fn a_description_without_a_kind_gives_what_it_names() {
    assert_eq!(names("with a phone number and a t-shirt size"), ["phone", "tshirtSize"]);
    assert_eq!(names("name, email, phone"), ["name", "email", "phone"]);
    assert_eq!(names("A form for name, email and phone"), ["name", "email", "phone"]);
    assert_eq!(
        names("Fields:\n- first name\n- shoe size\n- favourite book"),
        ["firstName", "shoeSize", "favouriteBook"]
    );
    assert_eq!(names("Users enter their city and their zip code."), ["city", "postalCode"]);
    assert_eq!(names("contact form with only name and email"), ["name", "email"]);
    assert_eq!(names("Something for us"), ["name", "email", "message"]);
}

#[test]
fn options_and_markers_are_read() {
    let colour = named("ask for their favourite colour (red, green or blue)", "favouriteColour");
    assert_eq!((colour.field_type, colour.label.as_str()), (FieldType::Radio, "Favourite colour"));
    let options = colour.options.expect("options");
    let pairs: Vec<(&str, &str)> =
        options.iter().map(|option| (option.value.as_str(), option.label.as_str())).collect();
    assert_eq!(pairs, [("red", "Red"), ("green", "Green"), ("blue", "Blue")]);
    let size = named("Order form with size (S, M, L, XL, XXL)", "size");
    assert_eq!((size.field_type, size.options.map(|options| options.len())), (FieldType::Select, Some(5)));
    assert_eq!(named("survey with comfort (1-5)", "comfort").options.map(|options| options.len()), Some(5));
    assert!(named("contact form with a required phone number", "phone").required);
    assert!(named("contact form with phone number (required)", "phone").required);
    assert!(!named("form with email (optional) and name", "email").required);
    assert!(named("Required: shoe size, hat size. Optional: phone", "hatSize").required);
    assert!(!named("Required: shoe size, hat size. Optional: phone", "phone").required);
    assert!(form("contact form, all fields are required").iter().all(|field| field.required));
    assert_eq!(
        named("with hobby notes (max 300 characters)", "hobbyNotes").validation.and_then(|rule| rule.max_length),
        Some(300)
    );
}

#[test]
fn unknown_phrases_take_their_kind_from_their_last_words() {
    for (context, name, kind, label) in [
        ("with emergency phone number", "emergencyPhoneNumber", FieldType::Text, "Emergency phone number"),
        ("with a work email", "workEmail", FieldType::Email, "Work email"),
        ("including vaccination date", "vaccinationDate", FieldType::Date, "Vaccination date"),
        ("including number of siblings", "numberOfSiblings", FieldType::Number, "Number of siblings"),
        ("including name of the hamster", "nameOfTheHamster", FieldType::Text, "Name of the hamster"),
        ("include a vaccination certificate", "vaccinationCertificate", FieldType::File, "Vaccination certificate"),
        ("with a first-aid checkbox", "firstAid", FieldType::Checkbox, "First-aid"),
        ("with a passport number", "passportNumber", FieldType::Text, "Passport number"),
    ] {
        let field = named(context, name);
        assert_eq!((field.field_type, field.label.as_str()), (kind, label), "{context}");
    }
}

#[test]
fn what_is_ruled_out_stays_out() {
    let gone = |context: &str, name: &str| {
        assert!(!names(context).contains(&name.to_owned()), "{context}: {:?}", names(context));
    };
    gone("contact form without phone", "phone");
    gone("contact form, no subject", "subject");
    gone("Contact form. Don't ask for a phone number or subject.", "phone");
    gone("Contact form. Don't ask for a phone number or subject.", "subject");
    for part in ["street", "city", "postalCode", "country"] {
        gone("checkout with no address", part);
    }
    gone("registration form without name", "firstName");
    let kept = names("contact form with no phone, with a company");
    assert!(kept.contains(&"company".to_owned()) && kept.contains(&"email".to_owned()), "{kept:?}");
}

#[test]
fn existing_fields_are_left_out_by_name_and_by_meaning() {
    let made = |names: &[&str]| -> Vec<String> {
        fields("contact form", &existing(names)).into_iter().map(|field| field.field_name).collect()
    };
    assert_eq!(made(&["E_Mail", "full_name"]), ["phone", "subject", "message"]);
    assert_eq!(made(&["firstName", "surname", "telephone"]), ["email", "subject", "message"]);
    let all = ["name", "email", "phone", "subject", "message"];
    assert_eq!(made(&all), ["additionalInformation"]);
    assert_eq!(made(&[&all[..], &["additionalInformation"]].concat()), ["additionalInformation2"]);
}

#[test]
fn other_languages_get_the_general_form() {
    for context in [
        "请生成一个表单",
        "форма для сайта",
        "フォーム",
        "نموذج",
        "🎉🎉",
        "\u{301}\u{301}",
        "((((",
        "....",
        "with with with",
    ] {
        assert_eq!(names(context), ["name", "email", "message"], "{context}");
    }
    assert_eq!(form("with 名前, 住所").len(), 2);
}

#[test]
fn card_fields_carry_patterns_and_no_example_number() {
    let card = named("payment form", "cardNumber");
    assert!(card.placeholder.is_none() && card.validation.is_some_and(|rule| rule.pattern.is_some()));
    assert_eq!(named("payment form", "cardSecurityCode").field_type, FieldType::Password);
}

#[test]
fn the_longest_context_is_quick() {
    for context in
        ["with a ".repeat(571), "(".repeat(4000), "a, ".repeat(1333), "number of ".repeat(400), "with (".repeat(666)]
    {
        assert!(!form(&context).is_empty());
    }
}

fn phrases() -> impl Strategy<Value = String> {
    let pieces = [
        "with",
        "without",
        "no",
        "(red, green or blue)",
        "(1-5)",
        "(max 9 characters)",
        "phone number",
        "only",
        ",",
        "and",
        ":",
        "required",
        "optional",
        "contact form",
        "checkout",
        "name",
        "address",
        "dropdown",
        ".",
        "É",
        "名前",
        "date of",
        "a",
        "\n- ",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #[test]
    fn whatever_the_context_the_form_is_sound_and_the_same_again(
        context in prop_oneof![any::<String>(), phrases()],
        taken in prop::collection::vec(prop_oneof![Just("email".to_owned()), Just("first_name".to_owned()), "[a-zA-Z_]{0,12}"], 0..8),
    ) {
        let existing = Existing::new(taken).expect("few and short");
        let made = fields(&context, &existing);
        prop_assert_eq!(check(made.clone(), &existing), Ok(made.clone()));
        prop_assert_eq!(fields(&context, &existing), made);
    }

    #[test]
    fn a_context_is_clean_or_refused(text in any::<String>()) {
        if let Ok(context) = Context::new(&text) {
            prop_assert!((1..=Context::MOST).contains(&context.as_str().chars().count()));
            prop_assert!(!context.as_str().chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
        }
    }
}
