//! The form kinds that the rules know: which words announce them, and which fields they have.
//!
//! Phrases carry a weight, `phrase:weight`; fields are ids of `known`, required ones end in `!`. The general form, for
//! descriptions that announce nothing, comes last and has no phrases. Deliberately absent: code.

mod known;

pub(crate) use known::{KNOWN, Known, known};

/// One kind of form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Its name, for tests and logs.
    pub name: &'static str,
    /// Weighted phrases, separated by `|`.
    pub phrases: &'static str,
    /// Field ids, separated by spaces.
    pub fields: &'static str,
}

const fn kind(name: &'static str, phrases: &'static str, fields: &'static str) -> Kind {
    Kind { name, phrases, fields }
}

/// The form for a description that announces no kind and names no field.
pub(crate) const GENERAL: Kind = kind("general", "", "name! email! message!");

/// Every kind that can be announced; on equal scores and places the earlier one wins.
pub(crate) const KINDS: &[Kind] = &[
    kind("login", "login:4|log in:4|sign in:4|signin:4|logon:3|authentication:2", "email! password! rememberMe"),
    kind(
        "registration",
        "registration:3|register:3|sign up:3|signup:3|create account:5|create an account:5|new account:4|user account:2|\
         account creation:5|user registration:5|onboarding:2",
        "firstName! lastName! email! firstPassword! confirmPassword! termsAccepted!",
    ),
    kind(
        "password reset",
        "password reset:7|reset password:7|reset your password:7|reset their password:7|forgot password:7|\
         forgotten password:7|lost password:7|recover password:7|password recovery:7|account recovery:6",
        "email! verificationCode newPassword! confirmPassword!",
    ),
    kind(
        "change password",
        "change password:7|change your password:7|change their password:7|password change:7|update password:7|new password:4",
        "currentPassword! newPassword! confirmPassword!",
    ),
    kind(
        "contact",
        "contact:3|contact us:2|get in touch:5|reach us:4|reach out:3|inquiry:2|enquiry:2|send us a message:4",
        "name! email! phone subject message!",
    ),
    kind(
        "newsletter",
        "newsletter:4|mailing list:4|email updates:3|subscribe to news:4|email subscription:4|signup:1|sign up:1",
        "email! firstName interests emailFrequency privacyAccepted!",
    ),
    kind(
        "feedback",
        "feedback:4|suggestion:3|opinion:2|suggestion box:5|customer experience:2",
        "name email feedbackType! rating! feedback!",
    ),
    kind(
        "complaint",
        "complaint:4|complain:3|grievance:4",
        "name! email! phone orderNumber description! resolution attachment",
    ),
    kind(
        "checkout",
        "checkout:5|check out page:4|purchase:2|shopping cart:4|cart:2|ecommerce:2|e commerce:2|online store:2|buy:1",
        "email! name! street! addressLine2 city! state postalCode! country! deliveryMethod! cardholderName! cardNumber! \
         cardExpiry! cardSecurityCode! couponCode sameAddress",
    ),
    kind(
        "shipping",
        "shipping:4|shipment:4|delivery:3|delivery address:3|shipping address:3|parcel:3|courier:3",
        "name! street! addressLine2 city! state postalCode! country! phone! deliveryMethod! deliveryInstructions",
    ),
    kind(
        "payment",
        "payment:4|billing:4|pay:2|credit card:4|invoice payment:4|pay an invoice:4",
        "email! cardholderName! cardNumber! cardExpiry! cardSecurityCode! street! city! postalCode! country! invoiceNumber",
    ),
    kind(
        "order",
        "order:3|order form:3|takeaway:3|catering:2|pre order:4|preorder:4|wholesale:2",
        "name! email! phone! productName! quantity! deliveryDate street city postalCode specialRequests",
    ),
    kind(
        "hotel booking",
        "hotel:4|hostel:4|room booking:5|hotel booking:5|hotel reservation:5|accommodation:4|guest house:4|holiday rental:4|\
         vacation rental:4|book a room:5|booking:1|reservation:1",
        "name! email! phone! checkIn! checkOut! roomType! adults! children specialRequests",
    ),
    kind(
        "table reservation",
        "restaurant:4|table reservation:5|table booking:5|book a table:6|reserve a table:6|dining:3|dinner:2|reservation:1|booking:1",
        "name! phone! email date! time! guests! specialRequests",
    ),
    kind(
        "booking",
        "booking:3|reservation:3|book:2|reserve:2|tour:2|rental:2|venue hire:3",
        "name! email! phone! date! time! guests! specialRequests",
    ),
    kind(
        "appointment",
        "appointment:4|schedule:2|scheduling:3|callback:4|call back:4|book a call:4|consultation:3|schedule a call:4|schedule a visit:4|meeting:2|dentist:3|salon:3|haircut:3|clinic:2",
        "name! email! phone! service date! time! newPatient visitReason",
    ),
    kind(
        "job application",
        "job application:5|job:3|application:1|apply:1|career:3|employment:3|recruitment:3|hiring:3|candidate:3|internship:3|vacancy:3|applicant:2",
        "firstName! lastName! email! phone! position! resume! coverLetter experienceYears linkedin availableFrom workPermit privacyAccepted!",
    ),
    kind(
        "support ticket",
        "support:3|support ticket:5|help desk:5|helpdesk:5|ticket:1|technical support:4|customer service:3|support request:5|it request:3",
        "name! email! ticketCategory! priority! subject! description! attachment",
    ),
    kind(
        "bug report",
        "bug:4|bug report:5|defect:4|error report:4|issue report:3|report a problem:3|crash:3",
        "subject! productVersion operatingSystem browser severity! steps! expected actual attachment email",
    ),
    kind(
        "feature request",
        "feature request:6|feature suggestion:6|product idea:4|request a feature:6",
        "subject! description! useCase priority email",
    ),
    kind(
        "survey",
        "survey:4|questionnaire:4|poll:3|customer satisfaction:3|market research:4|satisfaction survey:2|nps:3",
        "ageGroup frequency satisfaction! recommend! liked improvements comments email",
    ),
    kind(
        "event registration",
        "event:4|event registration:5|conference:4|workshop:4|webinar:4|seminar:4|meetup:4|hackathon:4|festival:3|summit:3|\
         marathon:3|race:2|party:2|registration:1|register:1|sign up:1|signup:1|attendee:3|training:2|class:3|retreat:4|tournament:4|competition:4",
        "firstName! lastName! email! phone company ticketType! dietaryRequirements accessibilityNeeds termsAccepted!",
    ),
    kind(
        "rsvp",
        "rsvp:6|wedding:5|invitation:3|will you attend:4|birthday party:4|guest list:3",
        "name! email! attending! guests guestName dietaryRequirements songRequest comments",
    ),
    kind(
        "profile",
        "profile:4|edit profile:4|account settings:4|user settings:4|personal details:3|personal information:3|account details:3|bio:2",
        "firstName! lastName! displayName email! phone profilePhoto bio website location language",
    ),
    kind(
        "address change",
        "address change:6|change of address:6|update address:5|moving:2|new address:4|address form:4|address:1",
        "name! email! street! addressLine2 city! state postalCode! country! startDate",
    ),
    kind(
        "quote request",
        "quote:4|quotation:4|estimate:3|request a quote:4|quote request:4|price request:4|proposal:3|project:2|bid:2",
        "name! email! phone company projectType! projectDetails! budget timeline attachment",
    ),
    kind(
        "demo request",
        "demo:4|product demo:4|book a demo:6|request a demo:6|lead:3|lead generation:5|sales:2|free trial:4|trial:2",
        "firstName! lastName! email! company! jobTitle companySize! country useCase",
    ),
    kind(
        "waitlist",
        "waitlist:5|waiting list:5|early access:5|beta:3|launch:2|coming soon:3",
        "email! name useCase howHeard",
    ),
    kind(
        "subscription",
        "subscription:4|subscribe:3|subscription plan:4|plan:1|membership plan:2|saas:2",
        "name! email! plan! billingCycle! paymentMethod! company couponCode termsAccepted!",
    ),
    kind(
        "membership",
        "membership:4|member:2|join:2|club:3|gym:4|join our club:4|association:2|library card:3",
        "firstName! lastName! email! phone! dateOfBirth! street! city! postalCode! membershipType! startDate! emergencyContactName \
         emergencyContactPhone termsAccepted!",
    ),
    kind(
        "volunteer",
        "volunteer:5|volunteering:5|volunteer application:5|helper:2",
        "firstName! lastName! email! phone! dateOfBirth availability! skills interests motivation! emergencyContactName \
         emergencyContactPhone consent!",
    ),
    kind(
        "donation",
        "donation:5|donate:5|charity:3|fundraiser:4|fundraising:4|nonprofit:2|pledge:3",
        "donationAmount! donationFrequency! firstName! lastName! email! paymentMethod! dedication anonymous marketingOptIn",
    ),
    kind(
        "review",
        "review:4|product review:4|testimonial:4|rate:2|rating:3|restaurant review:5",
        "name! email productName! rating! reviewTitle! review! recommend",
    ),
    kind(
        "return",
        "return:3|refund:4|exchange:2|return request:5|product return:5|rma:5|money back:4",
        "name! email! orderNumber! productName! purchaseDate! returnReason! itemCondition! resolution! comments attachment",
    ),
    kind(
        "warranty registration",
        "warranty:5|product registration:6|warranty claim:6|warranty registration:6",
        "name! email! productName! serialNumber! purchaseDate! receipt country marketingOptIn",
    ),
    kind(
        "patient intake",
        "patient:4|medical:3|intake:3|patient intake:5|health questionnaire:5|doctor:3|hospital:3|medical history:4",
        "firstName! lastName! dateOfBirth! gender phone! email insuranceProvider medicalHistory medications allergies \
         emergencyContactName! emergencyContactPhone! consent!",
    ),
    kind(
        "course enrolment",
        "enrolment:5|enrollment:5|enroll:4|enrol:4|course:3|class:2|school:3|admission:4|student:3|university:3|kindergarten:3|summer camp:4",
        "studentName! dateOfBirth! course! gradeLevel guardianName email! phone! street city postalCode medicalHistory consent!",
    ),
    kind(
        "leave request",
        "leave request:6|time off:6|vacation request:6|holiday request:6|sick leave:5|day off:5|pto:5|leave application:6|absence:4",
        "name! employeeId department! leaveType! startDate! endDate! manager comments",
    ),
    kind(
        "expense claim",
        "expense:5|expense claim:5|reimbursement:5|expense report:5|travel expense:3",
        "name! employeeId department expenseCategory! amount! currency! purchaseDate! receipt! description!",
    ),
    kind(
        "incident report",
        "incident:5|accident:4|incident report:5|safety report:5|injury:4",
        "name! email! phone incidentDate! time location! description! severity! witnesses attachment",
    ),
    kind(
        "insurance claim",
        "insurance claim:6|claim:2|insurance:4|damage report:4",
        "name! email! phone! policyNumber! incidentDate! description! amount attachment consent!",
    ),
    kind(
        "rental application",
        "rental application:6|tenant:5|lease:4|apartment application:6|rent:3|landlord:4|tenancy:5|rental:1",
        "firstName! lastName! email! phone! property moveInDate! company income! references petType consent!",
    ),
    kind(
        "property inquiry",
        "real estate:5|property:3|house viewing:5|property inquiry:5|property viewing:5|viewing:2|estate agent:4",
        "name! email! phone! propertyType! location budget moveInDate message",
    ),
    kind(
        "loan application",
        "loan:5|loan application:5|mortgage:5|credit application:5|financing:3",
        "firstName! lastName! dateOfBirth! email! phone! street! city! postalCode! amount! loanPurpose! company income! consent!",
    ),
    kind(
        "pet adoption",
        "pet adoption:6|adoption:3|adopt:4|animal shelter:4|veterinary:3|vet:3|pet:2",
        "name! email! phone! petType! petName propertyType experienceYears motivation! consent!",
    ),
    kind(
        "referral",
        "referral:5|refer a friend:6|refer:3|invite a friend:5|tell a friend:5",
        "name! email! friendName! friendEmail! message",
    ),
    kind(
        "vendor registration",
        "vendor:5|supplier:5|vendor registration:5|supplier registration:5|partner application:5|reseller:4|partnership:3",
        "company! taxNumber! name! jobTitle email! phone! website street! city! postalCode! country! service! iban termsAccepted!",
    ),
    kind(
        "speaker proposal",
        "call for papers:6|speaker:4|speaker proposal:6|talk proposal:6|call for speakers:6|talk submission:6|abstract:3",
        "name! email! company bio! subject! description! gradeLevel language profilePhoto",
    ),
];
