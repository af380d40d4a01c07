//! The fields that forms usually have, and the phrases that people use for them.
//!
//! One line each, in a compact notation: a constructor names kind, field name, label and example; `said` lists phrases,
//! `offers` options, `of` the fields that a group stands for. Deliberately absent: countries and other long lists.

use crate::ai::form::field::FieldType;

/// One field, or a group of fields when `parts` is not empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// What kinds and groups call it; the field name unless two entries share one.
    pub id: &'static str,
    /// The field name.
    pub name: &'static str,
    /// Its kind.
    pub kind: FieldType,
    /// Its label.
    pub label: &'static str,
    /// Its example, or nothing.
    pub hint: &'static str,
    /// Phrases for it, separated by `|`.
    pub said: &'static str,
    /// Options, separated by `|`.
    pub options: &'static str,
    /// Ids of a group's fields, separated by spaces.
    pub parts: &'static str,
    /// Whether a description that names it means it to be filled in.
    pub must: bool,
    /// Whether it closes the form.
    pub last: bool,
    /// Fewest and most characters.
    pub length: Option<(u32, u32)>,
    /// Pattern and message.
    pub pattern: Option<(&'static str, &'static str)>,
}

const fn field(kind: FieldType, name: &'static str, label: &'static str, hint: &'static str) -> Known {
    let length = match kind {
        FieldType::Text => Some((0, 200)),
        FieldType::Textarea => Some((0, 2_000)),
        FieldType::Email => Some((0, 254)),
        FieldType::Password => Some((0, 256)),
        _ => None,
    };
    Known {
        id: name,
        name,
        kind,
        label,
        hint,
        said: "",
        options: "",
        parts: "",
        must: false,
        last: false,
        length,
        pattern: None,
    }
}

const fn text(name: &'static str, label: &'static str, hint: &'static str) -> Known {
    field(FieldType::Text, name, label, hint)
}
const fn area(name: &'static str, label: &'static str, hint: &'static str) -> Known {
    field(FieldType::Textarea, name, label, hint)
}
const fn number(name: &'static str, label: &'static str, hint: &'static str) -> Known {
    field(FieldType::Number, name, label, hint)
}
const fn date(name: &'static str, label: &'static str) -> Known {
    field(FieldType::Date, name, label, "")
}
const fn file(name: &'static str, label: &'static str) -> Known {
    field(FieldType::File, name, label, "")
}
const fn tick(name: &'static str, label: &'static str) -> Known {
    let mut known = field(FieldType::Checkbox, name, label, "");
    known.last = true;
    known
}
const fn select(name: &'static str, label: &'static str, options: &'static str) -> Known {
    let mut known = field(FieldType::Select, name, label, "");
    known.options = options;
    known
}
const fn radio(name: &'static str, label: &'static str, options: &'static str) -> Known {
    let mut known = field(FieldType::Radio, name, label, "");
    known.options = options;
    known
}
const fn secret(name: &'static str, label: &'static str) -> Known {
    field(FieldType::Password, name, label, "").must()
}
const fn group(id: &'static str, label: &'static str, parts: &'static str) -> Known {
    let mut known = field(FieldType::Textarea, id, label, "");
    known.parts = parts;
    known
}

impl Known {
    const fn said(mut self, phrases: &'static str) -> Self {
        self.said = phrases;
        self
    }
    const fn must(mut self) -> Self {
        self.must = true;
        self
    }
    const fn id(mut self, id: &'static str) -> Self {
        self.id = id;
        self
    }
    const fn len(mut self, fewest: u32, most: u32) -> Self {
        self.length = Some((fewest, most));
        self
    }
    const fn like(mut self, rule: (&'static str, &'static str)) -> Self {
        self.pattern = Some(rule);
        self
    }
}

type Rule = (&'static str, &'static str);
const PHONE: Rule = (r"^\+?[0-9 \(\)\.\/\-]{7,20}$", "Enter a phone number, for example +44 20 7946 0018.");
const URL: Rule = (r"^https?:\/\/[^\s]+$", "Enter an address that starts with https://.");
const USER: Rule = (r"^[A-Za-z0-9_\.\-]+$", "Use letters, digits, dots, hyphens and underscores.");
const POST: Rule = (r"^[A-Za-z0-9 \-]+$", "Enter a postal code of letters and digits.");
const CARD: Rule = (r"^[0-9][0-9 ]{10,21}[0-9]$", "Enter the 12 to 19 digits on the card.");
const EXPIRY: Rule = (r"^(0[1-9]|1[0-2])\/[0-9]{2}$", "Enter month and year as MM/YY.");
const CODE: Rule = (r"^[0-9]{3,4}$", "Enter the 3 or 4 digits beside the signature.");
const DIGITS: Rule = (r"^[0-9]{4,8}$", "Enter the digits that we sent you.");
const TIME: Rule = (r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "Enter a time as HH:MM, for example 14:30.");
const IBAN: Rule = (r"^[A-Z]{2}[0-9]{2}[A-Z0-9 ]{10,36}$", "Enter an IBAN, for example GB33 BUKB 2020 1555 5555 55.");
const YES_NO: &str = "Yes|No";
const ONE_TO_FIVE: &str = "1|2|3|4|5";

/// Every known field; ids are unique.
pub(crate) const KNOWN: &[Known] = &[
    // People
    text("name", "Full name", "Ada Lovelace").len(2, 100).must().said("name|full name|complete name|customer name"),
    text("firstName", "First name", "Ada").len(1, 60).must().said("first name|given name|forename"),
    text("middleName", "Middle name", "").len(0, 60).said("middle name|middle initial"),
    text("lastName", "Last name", "Lovelace").len(1, 60).must().said("last name|surname|family name"),
    group("fullNameParts", "Name", "firstName lastName").said("first and last name|first name and last name|name and surname"),
    text("preferredName", "Preferred name", "").len(0, 60).said("preferred name|nickname"),
    text("displayName", "Display name", "ada").len(2, 50).said("display name|screen name"),
    text("username", "Username", "ada_l").len(3, 32).like(USER).must().said("username|user name|login name|user id"),
    select("title", "Title", "Mr|Mrs|Ms|Mx|Dr|Prof").said("title|salutation|honorific"),
    text("pronouns", "Pronouns", "she/her").len(0, 40).said("pronouns"),
    select("gender", "Gender", "Female|Male|Non-binary|Prefer not to say").said("gender|sex"),
    date("dateOfBirth", "Date of birth").must().said("date of birth|birth date|birthdate|birthday|dob"),
    number("age", "Age", "35").said("age"),
    select("ageGroup", "Age group", "Under 18|18–24|25–34|35–44|45–54|55–64|65 or over").said("age group|age range"),
    text("nationality", "Nationality", "").said("nationality|citizenship"),
    select("maritalStatus", "Marital status", "Single|Married|Civil partnership|Divorced|Widowed").said("marital status"),
    select("language", "Preferred language", "English|Spanish|French|German|Portuguese|Chinese|Arabic|Other")
        .said("language|preferred language"),
    field(FieldType::Email, "email", "Email address", "ada@example.com").must()
        .said("email|e mail|email address|e mail address|mail address|contact email|email id"),
    field(FieldType::Email, "confirmEmail", "Confirm email address", "ada@example.com").must()
        .said("confirm email|email confirmation|repeat email|confirm email address"),
    text("phone", "Phone number", "+44 20 7946 0018").len(7, 20).like(PHONE)
        .said("phone|phone number|telephone|telephone number|mobile|mobile number|mobile phone|mobile phone number|\
               cell phone|cell phone number|cell number|contact number|whatsapp number"),
    text("fax", "Fax number", "").len(0, 20).like(PHONE).said("fax|fax number"),
    text("website", "Website", "https://example.com").len(0, 500).like(URL)
        .said("website|web site|url|homepage|website url|web address|link|website address"),
    text("linkedin", "LinkedIn profile", "https://www.linkedin.com/in/ada").len(0, 500).like(URL)
        .said("linkedin|linkedin profile|linkedin url|linkedin link"),
    text("portfolio", "Portfolio", "https://example.com/work").len(0, 500).like(URL)
        .said("portfolio|portfolio link|portfolio url|github profile|github"),
    text("company", "Company", "Analytical Engines Ltd").len(0, 120)
        .said("company|company name|organisation|organization|organisation name|organization name|business name|employer"),
    text("jobTitle", "Job title", "Engineer").len(0, 100).said("job title|occupation|profession|role"),
    text("department", "Department", "").len(0, 100).said("department|team"),
    text("industry", "Industry", "").len(0, 100).said("industry|sector"),
    select("companySize", "Company size", "1–10|11–50|51–200|201–1,000|Over 1,000")
        .said("company size|number of employees|employee count"),
    group("contactDetails", "Contact details", "email phone").said("contact details|contact information|contact info"),
    group("emergencyContact", "Emergency contact", "emergencyContactName emergencyContactPhone")
        .said("emergency contact|emergency contact details|emergency contact information"),
    text("emergencyContactName", "Emergency contact's name", "").len(2, 100).must().said("emergency contact name"),
    text("emergencyContactPhone", "Emergency contact's phone number", "+44 20 7946 0018").len(7, 20).like(PHONE).must()
        .said("emergency contact phone|emergency contact number|emergency contact phone number"),
    // Places
    group("address", "Address", "street addressLine2 city state postalCode country")
        .said("address|postal address|mailing address|home address|full address|shipping address|delivery address|\
               billing address|physical address|residential address"),
    text("street", "Street and number", "12 St James's Square").len(3, 120).must().said("street|street address|address line 1|street name"),
    text("addressLine2", "Apartment, floor or building", "").len(0, 120).said("address line 2|apartment|suite|apartment number"),
    text("city", "City", "London").len(1, 80).must().said("city|town"),
    text("state", "State, province or region", "").len(0, 80).said("state|province|region|county"),
    text("postalCode", "Postal code", "SW1Y 4JH").len(3, 12).like(POST).must()
        .said("postal code|zip code|zip|postcode|post code|zipcode|postal zip code"),
    text("country", "Country", "United Kingdom").len(2, 80).must().said("country|country of residence"),
    text("location", "Location", "").said("location|place|venue"),
    text("timeZone", "Time zone", "Europe/London").len(0, 60).said("time zone|timezone"),
    // Accounts
    secret("password", "Password").said("password"),
    secret("password", "Password").id("firstPassword").len(12, 256),
    secret("confirmPassword", "Confirm password").len(12, 256)
        .said("confirm password|password confirmation|repeat password|confirmed password"),
    secret("currentPassword", "Current password").said("current password|old password"),
    secret("newPassword", "New password").len(12, 256).said("new password"),
    tick("rememberMe", "Keep me signed in").said("remember me|stay signed in|keep me signed in|keep me logged in"),
    text("verificationCode", "Verification code", "123456").len(4, 8).like(DIGITS).must()
        .said("verification code|one time code|otp|reset code|confirmation code"),
    text("securityQuestion", "Security question", "").said("security question"),
    tick("termsAccepted", "I accept the terms and conditions").must()
        .said("terms|terms and conditions|terms of service|terms of use|terms acceptance|terms and conditions acceptance|\
               accept terms|acceptance of terms"),
    tick("privacyAccepted", "I have read the privacy policy").must()
        .said("privacy policy|privacy consent|gdpr consent|data protection consent|gdpr"),
    tick("marketingOptIn", "Send me news and offers")
        .said("newsletter|newsletter opt in|newsletter subscription|marketing consent|marketing opt in|marketing email|\
               newsletter signup|newsletter sign up"),
    tick("consent", "I agree that this information is used for the purpose above").must().said("consent|agreement"),
    // Messages
    text("subject", "Subject", "How can we help?").len(2, 150).said("subject|subject line"),
    area("message", "Message", "Write your message here").len(10, 5_000).must().said("message|your message"),
    area("comments", "Comments", "").said("comment|additional comment|remark|note|additional note|feedback comment"),
    area("additionalInformation", "Additional information", "Anything else that we should know")
        .said("additional information|additional info|additional detail|other information|anything else"),
    area("question", "Question", "").must().said("question"),
    select("inquiryType", "What is it about?", "General question|Sales|Support|Partnership|Press|Other")
        .said("inquiry type|enquiry type|reason for contact|type of inquiry|topic"),
    select("preferredContact", "Preferred contact method", "Email|Phone|Text message")
        .said("preferred contact method|contact method|contact preference|preferred method of contact"),
    select("bestTime", "Best time to reach you", "Morning|Afternoon|Evening|Any time")
        .said("best time to call|best time to contact|best time to reach you|preferred time to call|time of day"),
    select("howHeard", "How did you hear about us?", "Search engine|Social media|Friend or colleague|Advertisement|Event|Other")
        .said("how did you hear about us|referral source|how they heard about us|how you heard about us|hear about us"),
    // Opinions
    radio("rating", "Rating", ONE_TO_FIVE).must().said("rating|star rating|overall rating|score|stars"),
    radio("satisfaction", "How satisfied are you?", "Very dissatisfied|Dissatisfied|Neutral|Satisfied|Very satisfied")
        .said("satisfaction|satisfaction level|satisfaction rating|overall satisfaction|customer satisfaction"),
    select("recommend", "How likely are you to recommend us?", "0|1|2|3|4|5|6|7|8|9|10")
        .said("nps|net promoter score|recommendation score|likelihood to recommend|would recommend"),
    area("liked", "What did you like?", "").said("pros|what they liked|what you liked|likes"),
    area("improvements", "What could we do better?", "").said("cons|improvement|suggestion|suggestion for improvement|what to improve"),
    area("feedback", "Feedback", "Tell us what you think").len(5, 5_000).must().said("feedback|opinion"),
    select("feedbackType", "Type of feedback", "Compliment|Suggestion|Complaint|Question").said("feedback type|type of feedback"),
    select("frequency", "How often do you use it?", "Daily|Weekly|Monthly|Rarely|Never").said("frequency|usage frequency|how often"),
    text("reviewTitle", "Title of your review", "").len(2, 120).said("review title|headline"),
    area("review", "Your review", "").len(20, 5_000).must().said("review|review text|testimonial"),
    // Money
    group("cardDetails", "Card details", "cardholderName cardNumber cardExpiry cardSecurityCode")
        .said("card details|credit card|credit card details|debit card|card information|credit card information|payment card|\
               payment details|payment information|payment info"),
    text("cardholderName", "Name on card", "A Lovelace").len(2, 100).must().said("cardholder name|name on card|card holder name"),
    text("cardNumber", "Card number", "").len(12, 23).like(CARD).must().said("card number|credit card number|debit card number"),
    text("cardExpiry", "Expiry date", "MM/YY").len(5, 5).like(EXPIRY).must()
        .said("card expiry|expiry date|expiration date|card expiry date|card expiration date|expiry"),
    secret("cardSecurityCode", "Security code").len(3, 4).like(CODE)
        .said("cvv|cvc|security code|card security code|cvv code|cvc code"),
    select("paymentMethod", "Payment method", "Credit or debit card|Bank transfer|PayPal|Invoice").must()
        .said("payment method|method of payment|payment option|payment type"),
    number("amount", "Amount", "100").must().said("amount|payment amount|total amount"),
    select("currency", "Currency", "EUR|GBP|USD|Other").said("currency"),
    text("couponCode", "Discount code", "").len(0, 40).said("coupon code|coupon|promo code|discount code|voucher code|voucher|promotion code"),
    text("iban", "IBAN", "GB33 BUKB 2020 1555 5555 55").len(15, 40).like(IBAN).said("iban|bank account|bank account number|bank details"),
    text("taxNumber", "Tax number", "").len(0, 40).said("tax number|tax id|vat number|vat id|vat"),
    text("purchaseOrder", "Purchase order number", "").len(0, 60).said("purchase order|purchase order number|po number"),
    text("invoiceNumber", "Invoice number", "INV-1001").len(0, 60).said("invoice number|invoice"),
    select("budget", "Budget", "Under 1,000|1,000–5,000|5,000–20,000|20,000–100,000|Over 100,000|Not decided")
        .said("budget|budget range|estimated budget|project budget"),
    number("income", "Annual income", "45000").said("income|annual income|household income|yearly income"),
    // Orders
    text("productName", "Product", "").len(1, 150).must().said("product|product name|item|item name"),
    text("orderNumber", "Order number", "A-10023").len(1, 60).must().said("order number|order id|order reference"),
    number("quantity", "Quantity", "1").must().said("quantity|qty|number of items"),
    date("purchaseDate", "Date of purchase").said("purchase date|date of purchase"),
    text("serialNumber", "Serial number", "").len(0, 80).said("serial number|model number"),
    radio("deliveryMethod", "Delivery method", "Standard|Express|Collect in store").must()
        .said("delivery method|shipping method|delivery option|shipping option|shipping speed"),
    date("deliveryDate", "Preferred delivery date").said("delivery date|preferred delivery date"),
    area("deliveryInstructions", "Delivery instructions", "Leave it with a neighbour").len(0, 500)
        .said("delivery instruction|delivery note|shipping instruction"),
    tick("sameAddress", "Billing address is the same as the delivery address")
        .said("same as shipping|billing same as shipping|same address"),
    tick("giftWrap", "Wrap it as a gift").said("gift wrap|gift wrapping|gift option"),
    area("giftMessage", "Gift message", "").len(0, 300).said("gift message|personal message"),
    select("returnReason", "Reason for the return", "Damaged|Wrong item|Wrong size|Not as described|Changed my mind|Other").must()
        .said("return reason|reason for return|refund reason|reason for refund"),
    radio("resolution", "What would you like?", "Refund|Exchange|Store credit").must().said("resolution|preferred resolution|refund or exchange"),
    select("itemCondition", "Condition of the item", "Unopened|Opened, unused|Used|Damaged").said("item condition|condition"),
    // Time
    date("date", "Date").must()
        .said("date|preferred date|booking date|reservation date|appointment date|event date|desired date|visit date"),
    date("alternativeDate", "Alternative date").said("alternative date|second choice date"),
    text("time", "Time", "14:30").len(5, 5).like(TIME).must()
        .said("time|preferred time|start time|appointment time|reservation time|booking time|time slot|arrival time"),
    group("dateAndTime", "Date and time", "date time").said("date and time|preferred date and time"),
    date("startDate", "Start date").must().said("start date|starting date|from date|begin date"),
    date("endDate", "End date").must().said("end date|finish date|to date"),
    group("dateRange", "Dates", "startDate endDate").said("date range|start and end date|start date and end date"),
    date("deadline", "Deadline").said("deadline|due date|completion date"),
    select("timeline", "When do you need it?", "As soon as possible|Within a month|Within three months|Later").said("timeline|timeframe|time frame|urgency"),
    // Visits
    date("checkIn", "Check-in").must().said("check in|check in date|arrival date|arrival"),
    date("checkOut", "Check-out").must().said("check out|check out date|departure date|departure"),
    number("guests", "Number of guests", "2").must()
        .said("guest|number of guests|guest count|party size|number of people|number of persons|number of attendees|group size"),
    number("adults", "Adults", "2").said("adult|number of adults"),
    number("children", "Children", "0").said("child|children|number of children|kid"),
    select("roomType", "Room type", "Single|Double|Twin|Suite").said("room type|type of room|room preference|room"),
    area("specialRequests", "Special requests", "").said("special request|special wish|special instruction|request"),
    text("service", "Service", "").len(1, 150).must().said("service|service type|type of service|service needed|treatment"),
    text("staff", "Preferred staff member", "").said("preferred staff|doctor|preferred doctor|stylist|therapist|preferred provider"),
    area("visitReason", "Reason for the visit", "").len(0, 500).said("reason for visit|reason for the visit|visit reason|reason for appointment|symptom"),
    radio("newPatient", "Is it your first visit?", YES_NO).said("first visit|new patient|new customer|returning customer"),
    // Events
    text("eventName", "Event", "").len(1, 150).said("event|event name|conference name|course name|workshop name"),
    select("ticketType", "Ticket type", "Standard|Student|VIP").must().said("ticket type|type of ticket|pass type|registration type"),
    number("ticketCount", "Number of tickets", "1").must().said("number of tickets|ticket quantity|ticket count|ticket"),
    select("dietaryRequirements", "Dietary requirements", "None|Vegetarian|Vegan|Gluten-free|Halal|Kosher|Other")
        .said("dietary requirement|dietary restriction|dietary preference|dietary need|diet|dietary|food preference|meal preference|meal choice"),
    text("allergies", "Allergies", "").said("allergy|food allergy"),
    area("accessibilityNeeds", "Accessibility needs", "").len(0, 500)
        .said("accessibility need|accessibility requirement|special need|accessibility|special accommodation"),
    select("tshirtSize", "T-shirt size", "XS|S|M|L|XL|XXL").said("t shirt size|tshirt size|shirt size|t shirt|tshirt"),
    radio("attending", "Will you attend?", "Yes|No|Maybe").must().said("attendance|will attend|attending|rsvp"),
    text("guestName", "Guest's name", "").len(0, 100).said("guest name|plus one name|plus one|name of guest"),
    text("songRequest", "Song request", "").said("song request|song"),
    // Work
    text("position", "Position", "").len(2, 120).must().said("position|position applied for|desired position|job position|job"),
    file("resume", "CV or résumé").must().said("resume|cv|curriculum vitae|cv upload|resume upload|cv or resume|resume or cv"),
    area("coverLetter", "Cover letter", "Why this position?").len(0, 5_000).said("cover letter|motivation letter|letter of motivation"),
    number("experienceYears", "Years of experience", "5").said("year of experience|experience|work experience|experience level|experience in years"),
    select("education", "Highest education", "Secondary school|Vocational training|Bachelor's degree|Master's degree|Doctorate|Other")
        .said("education|education level|highest education|degree|qualification"),
    area("skills", "Skills", "").said("skill|key skill|technical skill"),
    number("salaryExpectation", "Expected salary per year", "50000").said("salary|salary expectation|expected salary|desired salary"),
    date("availableFrom", "Available from").said("available from|availability date|earliest start date|available start date"),
    select("employmentType", "Type of employment", "Full time|Part time|Contract|Internship").said("employment type|job type|type of employment"),
    radio("workPermit", "May you work in this country?", YES_NO).said("work permit|work authorization|work authorisation|right to work|visa status"),
    area("references", "References", "").said("reference|professional reference"),
    select("leaveType", "Type of leave", "Holiday|Sick leave|Parental leave|Unpaid leave|Other").must().said("leave type|type of leave"),
    text("manager", "Manager", "").len(2, 100).said("manager|manager name|supervisor"),
    text("employeeId", "Employee number", "").len(1, 40).said("employee number|employee id|staff id|staff number"),
    select("expenseCategory", "Category", "Travel|Meals|Lodging|Equipment|Other").must().said("expense category|expense type"),
    file("receipt", "Receipt").must().said("receipt|proof of purchase|receipt upload"),
    // Problems
    select("ticketCategory", "What is the problem about?", "Account|Billing|Technical problem|Delivery|Other").must()
        .said("category|issue type|ticket category|problem type|issue category|type of issue|ticket type category"),
    select("priority", "Priority", "Low|Normal|High|Urgent").said("priority|priority level|urgency level"),
    select("severity", "Severity", "Minor|Major|Critical|Blocks all work").said("severity|severity level|impact"),
    area("description", "Description", "What happened, and what did you expect?").len(10, 5_000).must()
        .said("description|detail|problem description|issue description|detailed description|problem|issue"),
    file("attachment", "Attachment").said("attachment|file|file upload|screenshot|document|document upload|upload"),
    file("photo", "Photo").said("photo|picture|photo upload|image|image upload"),
    text("productVersion", "Version", "2.4.1").len(0, 40).said("version|product version|software version|app version"),
    text("browser", "Browser", "Firefox 140").len(0, 80).said("browser|browser version"),
    text("operatingSystem", "Operating system", "").len(0, 80).said("operating system|os|device|device type|platform"),
    area("steps", "Steps to reproduce", "1. Open …").len(10, 5_000).must().said("step to reproduce|reproduction steps|how to reproduce"),
    area("expected", "Expected behaviour", "").said("expected behaviour|expected behavior|expected result"),
    area("actual", "Actual behaviour", "").said("actual behaviour|actual behavior|actual result"),
    date("incidentDate", "Date of the incident").must().said("incident date|date of incident|date of accident|accident date"),
    text("witnesses", "Witnesses", "").said("witness"),
    text("policyNumber", "Policy number", "").len(1, 60).must().said("policy number|insurance policy number|insurance number"),
    // Projects, causes and clubs
    text("projectType", "Kind of project", "").len(1, 150).said("project type|type of project|project name|project title"),
    area("projectDetails", "What do you need?", "").len(10, 5_000).must().said("project detail|project description|requirement|scope of work|scope"),
    area("useCase", "What would you use it for?", "").said("use case|benefit"),
    number("donationAmount", "Donation amount", "25").must().said("donation amount|gift amount|donation"),
    radio("donationFrequency", "How often?", "Once|Monthly|Yearly").must().said("donation frequency|giving frequency|recurring donation"),
    tick("anonymous", "Keep my name anonymous").said("anonymous|stay anonymous|anonymous donation"),
    text("dedication", "In honour of", "").len(0, 150).said("dedication|in honour of|in memory of"),
    select("membershipType", "Membership", "Individual|Family|Student|Senior").must().said("membership type|membership level|type of membership|membership tier"),
    text("memberNumber", "Member number", "").len(0, 40).said("member number|membership number|member id"),
    select("plan", "Plan", "Free|Basic|Professional|Enterprise").must().said("plan|subscription plan|plan type|pricing plan"),
    radio("billingCycle", "Billing", "Monthly|Yearly").must().said("billing cycle|billing period|billing frequency"),
    area("availability", "When are you available?", "Saturdays, weekday evenings").len(0, 500).said("availability|available time|available day|availability schedule"),
    text("interests", "Interests", "").len(0, 300).said("interest|topic of interest|hobby|area of interest"),
    select("emailFrequency", "How often may we write?", "Daily|Weekly|Monthly").said("email frequency|newsletter frequency"),
    area("motivation", "Why would you like to join?", "").said("motivation|reason for joining|why join|why they want to volunteer"),
    file("profilePhoto", "Profile photo").said("profile photo|profile picture|avatar|headshot|profile image"),
    area("bio", "About you", "").len(0, 1_000).said("bio|biography|short bio|about me|about you"),
    area("socialMedia", "Social media profiles", "").len(0, 500).said("social media|social media link|social media profile|social link|social profile"),
    text("referredBy", "Referred by", "").len(0, 100).said("referred by|referrer|referral name|who referred you"),
    text("friendName", "Friend's name", "").len(2, 100).must().said("friend name"),
    field(FieldType::Email, "friendEmail", "Friend's email address", "friend@example.com").must().said("friend email|friend email address"),
    // Health, homes, schools, animals
    area("medicalHistory", "Medical history", "").said("medical history|medical condition|health condition|health history"),
    area("medications", "Current medications", "").len(0, 1_000).said("medication|current medication|medicine"),
    select("bloodType", "Blood type", "A+|A-|B+|B-|AB+|AB-|0+|0-|Unknown").said("blood type|blood group"),
    text("insuranceProvider", "Insurance provider", "").len(0, 120).said("insurance|insurance provider|health insurance|insurance company"),
    text("studentName", "Student's name", "").len(2, 100).must().said("student name|pupil name|child name"),
    text("guardianName", "Parent's or guardian's name", "").len(2, 100).said("guardian name|parent name|parent or guardian name|guardian|parent"),
    text("course", "Course", "").len(1, 150).must().said("course|class|programme|program|course choice"),
    select("gradeLevel", "Grade or level", "Beginner|Intermediate|Advanced").said("grade|level|skill level|grade level"),
    text("property", "Property", "").len(1, 200).said("property|property address|listing"),
    select("propertyType", "Kind of property", "House|Apartment|Commercial|Land").said("property type|type of property|home type"),
    date("moveInDate", "Move-in date").said("move in date|moving date"),
    text("petName", "Pet's name", "").len(0, 60).said("pet name|dog name|cat name"),
    select("petType", "Kind of animal", "Dog|Cat|Rabbit|Bird|Other").said("pet type|type of pet|kind of animal|pet|animal"),
    select("loanPurpose", "Purpose of the loan", "Home|Car|Education|Business|Other").must().said("loan purpose|purpose of loan"),
    text("licencePlate", "Licence plate", "").len(1, 15).said("licence plate|license plate|plate number|registration number"),
    text("vehicle", "Vehicle make and model", "").len(0, 100).said("vehicle|car|car model|vehicle model|make and model|car make and model"),
];

/// The entry of an id.
pub(crate) fn known(id: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.id == id)
}
