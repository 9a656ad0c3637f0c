//! Behaviour of Postmark that its reference does not document.

/// The quirks of the API. Each is on by default, as in the real service; with one off, the model does what one would expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// `fromdate` and `todate` are Eastern wall times; off: UTC.
    pub eastern_bounds: bool,
    /// Those wall times follow daylight saving (first of an ambiguous hour, 422 in the gap of spring); off: always −05:00.
    pub daylight_saving: bool,
    /// `todate` includes its whole second; off: it is excluded.
    pub inclusive_bounds: bool,
    /// A `Z` or an offset in a bound gives 200 and no rows; off: it is understood.
    pub offset_finds_nothing: bool,
    /// `count` must be 1 to 500, and `count` + `offset` at most 10,000; off: any page.
    pub page_limits: bool,
    /// Without `messagestream` messages and bounces are those of `outbound`; off: of every stream.
    pub default_stream: bool,
    /// An unknown stream is 422 with code 1226; off: no rows.
    pub unknown_stream_refused: bool,
    /// `Tag` is absent where there is none; off: null.
    pub absent_tag: bool,
    /// Mails and bounces are found some seconds to ten minutes late; off: at once.
    pub late_index: bool,
    /// A share of the generated mails has several recipients; off: one each. Set before generating.
    pub several_recipients: bool,
    /// Mail older than the retention is gone; off: it is kept forever.
    pub retention: bool,
    /// Times come in every recorded form; off: seven digits and an offset.
    pub timestamp_forms: bool,
    /// Newest first; off: oldest first.
    pub newest_first: bool,
    /// `TotalCount` comes after the array or before it; off: always before.
    pub wandering_total: bool,
    /// `Delivered` times have whole seconds, so may lie before the message's own; off: exact.
    pub whole_second_deliveries: bool,
    /// Details hold the body; off: no body.
    pub body_in_details: bool,
    /// An unknown message is 422 with code 701; off: 404.
    pub unknown_message_is_422: bool,
    /// `BounceID` in events is a string; off: a number.
    pub bounce_id_is_text: bool,
    /// Complaints are listed among the bounces; off: nowhere.
    pub complaints_are_bounces: bool,
    /// Complaints have no `From`; off: they have one.
    pub complaints_without_from: bool,
    /// 401 with code 10 for a missing or wrong token; off: 403 with code 0.
    pub refused_token_is_401: bool,
    /// Errors repeat their code in `X-PM-ApiErrorCode`; off: only in the body.
    pub error_code_header: bool,
    /// Half of the bounce ids exceed 2⁵³; off: none does. Set before generating.
    pub huge_bounce_ids: bool,
    /// An address removed from a suppression list still appears in the next answer; off: it is gone at once.
    pub late_suppressions: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            eastern_bounds: true,
            daylight_saving: true,
            inclusive_bounds: true,
            offset_finds_nothing: true,
            page_limits: true,
            default_stream: true,
            unknown_stream_refused: true,
            absent_tag: true,
            late_index: true,
            several_recipients: true,
            retention: true,
            timestamp_forms: true,
            newest_first: true,
            wandering_total: true,
            whole_second_deliveries: true,
            body_in_details: true,
            unknown_message_is_422: true,
            bounce_id_is_text: true,
            complaints_are_bounces: true,
            complaints_without_from: true,
            refused_token_is_401: true,
            error_code_header: true,
            huge_bounce_ids: true,
            late_suppressions: true,
        }
    }
}
