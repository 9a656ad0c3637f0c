//! The day of a digest: its hours in the text, and the pictures below it.

use super::{
    ChartSubject, HeatRank, MailByHour, fleet_chart, heat_map, heat_row, load_mail, volume_chart,
};
use crate::chart::{DeliveredTotal, HeatRow, Picture};
use crate::cycle::stats::total_of_day;
use crate::model::{Incident, ServerName, Span, StreamId, Zone};
use crate::notify::digest::StreamDay;
use crate::store::{self, Store};

/// What the pictures below a digest show: the mail of all servers, and a row of each.
pub(crate) struct DrawnDay {
    period: Span,
    incidents: Vec<Incident>,
    all: MailByHour,
    /// How much of it was delivered, as the text says it.
    delivered: Option<DeliveredTotal>,
    rows: Vec<(HeatRow, HeatRank)>,
    /// The server, where it is the only one.
    subject: Option<ChartSubject>,
}

impl DrawnDay {
    /// Loads the incidents of `period`; servers are yet to be added.
    pub(crate) async fn load(store: &Store, period: Span) -> Result<Self, store::Error> {
        Ok(Self {
            period,
            incidents: store.call(move |s| s.incidents_since(period.from)).await?,
            all: MailByHour::from_histories(&[], period),
            delivered: None,
            rows: Vec::new(),
            subject: None,
        })
    }

    /// Loads the mail of one server. `days` is what the digest says of its streams.
    pub(crate) async fn add_server(
        &mut self,
        store: &Store,
        server: &ServerName,
        streams: Vec<StreamId>,
        days: &[StreamDay],
    ) -> Result<(), store::Error> {
        let known = self.delivered.into_iter();
        let known = known.chain(days.iter().map(total_of_day));
        self.delivered = known.reduce(DeliveredTotal::plus);
        let subject = ChartSubject {
            server: server.clone(),
            streams,
            is_one_stream: false,
        };
        let (of, span) = (subject.clone(), self.period);
        let mail = store.call(move |s| load_mail(s, &of, span)).await?;
        self.rows
            .push(heat_row(&subject, &mail, &self.incidents, span));
        self.all.add_server(&mail, span);
        self.subject = Some(subject);
        Ok(())
    }

    /// Returns the messages sent in each hour; `None` where one was not seen.
    pub(crate) fn sent_by_hour(&self) -> Vec<Option<u64>> {
        self.all.sent_by_hour(self.period)
    }

    /// Returns the pictures: the volume, and of several servers a row of each.
    pub(crate) fn pictures(self, zone: Zone) -> Vec<Picture> {
        let (mail, incidents, span) = (&self.all, &self.incidents, self.period);
        let servers = self.rows.len();
        match self.subject {
            None => Vec::new(),
            Some(subject) if servers == 1 => {
                let mut chart = volume_chart(&subject, mail, incidents, span, zone);
                chart.delivered = self.delivered;
                vec![Picture::Volume(chart)]
            }
            Some(_) => {
                let mut chart = fleet_chart(servers, mail, incidents, span, zone);
                chart.delivered = self.delivered;
                let rows = heat_map(self.rows, span, zone);
                vec![Picture::Volume(chart), Picture::HeatMap(rows)]
            }
        }
    }
}
