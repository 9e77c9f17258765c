//! Topics of requests, in two levels. An employer's own list will come with provisioning; this one fits the sample customers.

use crate::records::Kind;

/// A topic and what is below it.
pub struct Topic {
    /// Stable id.
    pub id: &'static str,
    /// English.
    pub en: &'static str,
    /// Italian.
    pub it: &'static str,
    /// Second level: id, English, Italian.
    pub below: &'static [(&'static str, &'static str, &'static str)],
}

impl Kind {
    /// Its name for people.
    pub(crate) fn name(self, italian: bool) -> &'static str {
        let (en, it) = match self {
            Kind::Consultation => ("Consultation", "Consulenza"),
            Kind::Order => ("Order", "Ordine"),
            Kind::Complaint => ("Complaint", "Reclamo"),
            Kind::Survey => ("Survey", "Sondaggio"),
            Kind::Sale => ("Sale", "Vendita"),
            Kind::Information => ("Information", "Informazioni"),
            Kind::Callback => ("Callback", "Richiamare"),
        };
        if italian { it } else { en }
    }

    /// What a request is called in a CRM.
    pub(crate) fn title(self, topic: &Topic, below: &(&str, &str, &str), italian: bool) -> String {
        let (topic, below) = if italian { (topic.it, below.2) } else { (topic.en, below.1) };
        format!("{}: {topic} – {below}", self.name(italian))
    }
}

impl Topic {
    /// Its name for people.
    pub(crate) fn name(&self, italian: bool) -> &'static str {
        if italian { self.it } else { self.en }
    }

    /// The name of what is below it.
    pub(crate) fn name_below(&self, id: &str, italian: bool) -> Option<&'static str> {
        let (_, en, it) = self.below.iter().find(|(below, ..)| *below == id)?;
        Some(if italian { it } else { en })
    }
}

/// All topics.
pub const TOPICS: &[Topic] = &[
    Topic {
        id: "invoices",
        en: "Invoices",
        it: "Fatture",
        below: &[
            ("mismatch", "Amount does not match", "Importo che non torna"),
            ("numbering", "Numbering", "Numerazione"),
            ("sending", "Sending", "Invio"),
            ("layout", "Layout", "Modello"),
        ],
    },
    Topic {
        id: "payments",
        en: "Payments",
        it: "Pagamenti",
        below: &[
            ("double_charge", "Charged twice", "Doppio addebito"),
            ("reminder", "Reminder received", "Sollecito ricevuto"),
            ("method", "Payment method", "Metodo di pagamento"),
        ],
    },
    Topic {
        id: "reports",
        en: "Reports",
        it: "Stampe e riepiloghi",
        below: &[
            ("vat", "VAT summary", "Riepilogo IVA"),
            ("export", "Export", "Esportazione"),
            ("year_end", "Year end", "Chiusura"),
        ],
    },
    Topic {
        id: "installation",
        en: "Installation",
        it: "Installazione",
        below: &[
            ("update", "Update", "Aggiornamento"),
            ("new_pc", "New computer", "Nuovo computer"),
            ("error", "Error message", "Messaggio di errore"),
        ],
    },
    Topic {
        id: "licences",
        en: "Licences",
        it: "Licenze",
        below: &[
            ("prices", "Prices", "Prezzi"),
            ("more_users", "More users", "Altri utenti"),
            ("cancel", "Cancellation", "Disdetta"),
        ],
    },
    Topic {
        id: "other",
        en: "Other",
        it: "Altro",
        below: &[("wrong_number", "Wrong number", "Numero sbagliato"), ("other", "Something else", "Qualcos’altro")],
    },
];
