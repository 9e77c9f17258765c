//! Calls: those that live, what is left to do after one, and those of the list.

use super::{CustomerCard, RequestDraft, RequestView};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

wire! {
    /// A call that lives.
    struct CallView {
        /// Its id; the same in the list of calls later.
        id: String,
        /// Who began it.
        direction: Direction,
        /// How it stands.
        state: CallState,
        /// The other side's number as it came or was dialled.
        number: String,
        /// The other side's name: the customer's, else what the network says.
        name: Option<String>,
        /// What was called, for an incoming call.
        called: String,
        /// A practice call.
        practice: bool,
        /// When it began.
        started: i64,
        /// When it was answered.
        answered: Option<i64>,
        /// Whether it is being recorded.
        recording: bool,
        /// Customers with this number, best match first, and the one chosen.
        customers: Vec<CustomerCard>,
        /// How well it is heard, once there is sound.
        quality: Option<QualityView>,
        /// What is written down so far, as saved.
        draft: RequestDraft,
        /// What was registered.
        request: Option<RequestView>,
    }

    /// Who began a call.
    enum Direction { /** They called. */ In, /** We called. */ Out, }

    /// How a call stands.
    enum CallState {
        /** We dial. */ Dialling,
        /** Rings there. */ RingingThere,
        /** Rings here. */ RingingHere,
        /** Answered here, sound on its way. */ Answering,
        /** Talking. */ Active,
        /** We hold. */ Held,
        /** They hold. */ HeldThere,
        /** Over. */ Ended,
    }

    /// What spoils how a call is heard.
    enum QualityCause {
        /** The way and the buffer take long. */ Delay,
        /** Packets are lost. */ Loss,
        /** Packets come too late to be played. */ Late,
    }

    /// How well a call is heard.
    struct QualityView {
        /// Estimated mean opinion score, 1 to 4.5 (ITU-T G.107).
        mos: f32,
        /// What costs most of it.
        cause: QualityCause,
        /// Of the sound heard in the last second, invented to cover gaps; percent.
        concealed: f32,
        /// Of what should have come in the last second, percent.
        loss_in: f32,
        /// As the other side reports it, percent.
        loss_out: f32,
        /// Interarrival jitter, ms.
        jitter: f32,
        /// Round trip, ms.
        round_trip: Option<f32>,
        /// Sound waiting in the jitter buffer, ms.
        buffer: f32,
        /// What else takes time.
        delays: DelaysView,
        /// What the machine does for it.
        work: WorkView,
        /// Codec.
        codec: Option<String>,
        /// Way the packets go: host, srflx, relay.
        path: Option<String>,
        /// Packets received.
        received: u64,
        /// Packets sent.
        sent: u64,
    }

    /// What this side adds to the way of the sound beside the buffer; each in ms.
    struct DelaysView {
        /// From the microphone to the program: the device, its driver, and the reserve between two clocks.
        microphone: f32,
        /// Taking out echo and noise.
        processing: f32,
        /// Filling a packet, and what the codec looks ahead.
        packet: f32,
        /// From the program to the ear.
        loudspeaker: f32,
    }

    /// What ten milliseconds of sound take of the machine, on average over the last second; each in ms.
    struct WorkView {
        /// Making sound of what came.
        receiving: f32,
        /// Exchange with the devices.
        devices: f32,
        /// Taking out echo.
        echo: f32,
        /// Taking out noise.
        noise: f32,
        /// Bringing the voice to its level.
        gain: f32,
        /// Making packets.
        sending: f32,
        /// Handing sound to the recorder.
        recording: f32,
        /// All else.
        rest: f32,
        /// All of it, for the ten milliseconds that took longest.
        longest: f32,
    }

    /// What is still to be done after a call.
    struct WrapUpView {
        /// The call.
        call: String,
        /// The other side's name or number.
        name: String,
        /// The other side's number.
        number: String,
        /// When the next call may come.
        ends: i64,
        /// What was registered.
        request: Option<RequestView>,
        /// What is written down so far, as saved.
        draft: RequestDraft,
        /// Customers with this number, and the one chosen.
        customers: Vec<CustomerCard>,
        /// Why the call ended.
        reason: EndReasonView,
        /// How long they talked, ms.
        talked: i64,
    }

    /// A call in the list.
    struct CallRow {
        /// Id.
        id: String,
        /// Who began it.
        direction: Direction,
        /// The other side's number.
        number: String,
        /// The other side's name.
        name: Option<String>,
        /// Customer it was linked with.
        customer: Option<String>,
        /// A practice call.
        practice: bool,
        /// When it began.
        started: i64,
        /// When it was answered.
        answered: Option<i64>,
        /// When it ended; none: the program was stopped in the middle.
        ended: Option<i64>,
        /// Why it ended.
        reason: EndReasonView,
        /// There is a recording.
        recording: bool,
        /// What was registered.
        request: Option<RequestView>,
        /// What is left as a draft.
        draft: Option<RequestDraft>,
        /// Mean quality, 1 to 4.5.
        mos: Option<f32>,
        /// What was wrong with the sound at some time.
        troubles: Vec<TroubleView>,
    }

    /// What can be wrong with the sound of a call.
    enum TroubleView {
        /** For seconds nothing came from the other side. */ Interrupted,
        /** The microphone gave nothing: they did not hear the operator. */ DeadMicrophone,
        /** They heard themselves. */ Echo,
        /** The microphone was too loud. */ TooLoud,
        /** The machine was too busy. */ TooSlow,
    }

    /// Why a call ended.
    enum EndReasonView {
        /** It has not. */ None,
        /** We hung up. */ HungUpHere,
        /** They hung up. */ HungUpThere,
        /** They gave up before we answered. */ Missed,
        /** Somebody else of the team answered. */ AnsweredElsewhere,
        /** We declined. */ DeclinedHere,
        /** They were busy. */ Busy,
        /** They declined. */ Declined,
        /** No such number. */ NotFound,
        /** Nobody answered, or they cannot be reached just now. */ NoAnswer,
        /** The switchboard does not allow this call. */ Forbidden,
        /** The switchboard did not respond, or the line to it was down. */ Unreachable,
        /** The switchboard or the network failed. */ Failed,
        /** The program was stopped in the middle. */ Interrupted,
    }

    /// A recording's shape.
    struct RecordingView {
        /// Length, ms.
        duration: u64,
        /// Waveform of the operator, 0..=1, in equal steps.
        operator: Vec<f32>,
        /// Waveform of the customer, same steps.
        customer: Vec<f32>,
        /// Closed properly.
        complete: bool,
    }
}
