"""An OpenXR app in Python that reads texts and captions of the demo's configurations, or fails after a while.

pyopenxr does not know our extensions: their structs are declared here, as percept_openxr.h has them.
"""
import ctypes as c
import sys
import time

import xr
from xr.platform.linux import KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME, convert_timespec_time_to_time_khr, timespec

PATIENCE = 200.0
TEXT, CAPTIONS = 1600790000, 1915682000  # the first XrStructureType of each
SEEN, VALID = 8, 1


def struct(name, *fields):
    return type(name, (c.Structure,), {"_fields_": list(fields)})


HEAD = (("type", c.c_int32), ("next", c.c_void_p))
ARRAYS = lambda name: ((f"{name}_capacity_input", c.c_uint32), (f"{name}_count_output", c.c_uint32), (f"{name}s", c.c_void_p))
BUFFER = (("buffer_capacity_input", c.c_uint32), ("buffer_count_output", c.c_uint32), ("buffer", c.c_void_p))
LANGUAGES = (("language", c.c_char * 8), ("translation_language", c.c_char * 8))

SystemText = struct("SystemText", *HEAD, ("supports", c.c_uint32), ("max_text_count", c.c_uint32), ("max_action_count", c.c_uint32),
                    ("max_buffer_size", c.c_uint32))
TextCreate = struct("TextCreate", *HEAD, ("create_flags", c.c_uint64), ("scope", c.c_int32))
Empty = struct("Empty", *HEAD)
Text = struct("Text", ("id", c.c_uint64), ("first_time", c.c_int64), ("confidence", c.c_float), ("text", c.c_uint32), ("translation", c.c_uint32),
              ("first_action", c.c_uint32), ("action_count", c.c_uint32), *LANGUAGES)
Action = struct("Action", ("type", c.c_int32), ("text_index", c.c_uint32), ("begin", c.c_uint32), ("end", c.c_uint32), ("value", c.c_uint32))
Texts = struct("Texts", *HEAD, ("is_active", c.c_uint32), ("change_count", c.c_uint64), ("capture_time", c.c_int64), *ARRAYS("text"),
               *ARRAYS("action"), *BUFFER)
Locate = struct("Locate", *HEAD, ("base_space", c.c_uint64), ("time", c.c_int64))
Location = struct("Location", ("id", c.c_uint64), ("flags", c.c_uint64), ("pose", c.c_float * 7), ("extents", c.c_float * 2),
                  ("corners", c.c_float * 3 * 4), ("image_corners", c.c_float * 2 * 4))
Locations = struct("Locations", *HEAD, ("is_active", c.c_uint32), ("change_count", c.c_uint64), ("capture_time", c.c_int64),
                   ("camera_flags", c.c_uint64), ("camera_pose", c.c_float * 7), ("image_size", c.c_int32 * 2), *ARRAYS("location"))
CaptionsGet = struct("CaptionsGet", *HEAD, ("since", c.c_uint64))
Caption = struct("Caption", ("id", c.c_uint64), ("sequence", c.c_uint64), ("flags", c.c_uint64), ("begin_time", c.c_int64), ("end_time", c.c_int64),
                 ("speaker", c.c_uint32), ("confidence", c.c_float), ("text", c.c_uint32), ("stable_size", c.c_uint32), ("translation", c.c_uint32),
                 *LANGUAGES)
Captions = struct("Captions", *HEAD, ("is_active", c.c_uint32), ("is_speaking", c.c_uint32), ("heard_time", c.c_int64), ("sequence", c.c_uint64),
                  *ARRAYS("caption"), *BUFFER)


def value(handle):
    return c.cast(handle, c.c_void_p).value


def call(instance, name, *arguments):
    """The function of that name, with handles as integers and structs by reference."""
    function = c.CFUNCTYPE(c.c_int32)(c.cast(xr.get_instance_proc_addr(instance, name), c.c_void_p).value)
    function.argtypes = None
    result = function(*(c.c_uint64(a) if isinstance(a, int) else c.byref(a) for a in arguments))
    assert result == 0, (name, result)


def arrays(made, **elements):
    """Gives a struct its arrays, and keeps them with it."""
    for name, array in elements.items():
        setattr(made, "buffer" if name == "buffer" else f"{name}s", c.addressof(array))
        setattr(made, f"{name}_capacity_input", len(array))
    made.kept = elements
    return made


def string(buffer, offset):
    return c.string_at(c.addressof(buffer) + offset).decode()


class App:
    def __init__(self):
        self.instance = xr.create_instance(xr.InstanceCreateInfo(
            enabled_api_layer_names=["XR_APILAYER_PERCEPT_perception"],
            enabled_extension_names=[xr.MND_HEADLESS_EXTENSION_NAME, "XR_PERCEPT_text", "XR_PERCEPT_captions",
                                     KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME]))
        system = xr.get_system(self.instance, xr.SystemGetInfo(form_factor=xr.FormFactor.HEAD_MOUNTED_DISPLAY))
        self.limits = SystemText(type=TEXT)
        properties = xr.SystemProperties(next=c.cast(c.pointer(self.limits), c.c_void_p))
        get = c.cast(xr.get_instance_proc_addr(self.instance, "xrGetSystemProperties"), xr.PFN_xrGetSystemProperties)
        assert get(self.instance, system, c.byref(properties)) == 0
        assert self.limits.supports
        session = xr.create_session(self.instance, xr.SessionCreateInfo(system_id=system))
        self.space = xr.create_reference_space(session, xr.ReferenceSpaceCreateInfo(reference_space_type=xr.ReferenceSpaceType.LOCAL))
        self.text, self.captions = c.c_uint64(), c.c_uint64()
        call(self.instance, "xrCreateTextTrackerPERCEPT", value(session), TextCreate(type=TEXT + 1, scope=1), self.text)
        call(self.instance, "xrCreateCaptionTrackerPERCEPT", value(session), Empty(type=CAPTIONS + 1), self.captions)
        self.since = 0

    def texts(self):
        """All with a translation, as pairs, once their places have been checked."""
        texts, buffer = (Text * self.limits.max_text_count)(), c.create_string_buffer(self.limits.max_buffer_size)
        actions, places = (Action * self.limits.max_action_count)(), (Location * self.limits.max_text_count)()
        told = arrays(Texts(type=TEXT + 3), text=texts, action=actions, buffer=buffer)
        call(self.instance, "xrGetTextsPERCEPT", self.text.value, Empty(type=TEXT + 2), told)
        ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        now = convert_timespec_time_to_time_khr(self.instance, timespec(ns // 10**9, ns % 10**9))
        now = now if isinstance(now, int) else now.value
        found = arrays(Locations(type=TEXT + 6), location=places)
        call(self.instance, "xrLocateTextsPERCEPT", self.text.value, Locate(type=TEXT + 5, base_space=value(self.space), time=now), found)
        for place in places[:found.location_count_output]:
            assert place.flags & VALID and place.id != 0
            assert all(abs(corner[2] + 1) < 1e-3 and abs(corner[0]) < 1 for corner in place.corners), "one metre ahead"
            assert abs(sum(q * q for q in place.pose[:4]) - 1) < 1e-3 and place.extents[0] > 0
        pairs = [(string(buffer, t.text), string(buffer, t.translation)) for t in texts[:told.text_count_output]]
        return {pair for pair in pairs if pair[1]}

    def finals(self):
        """Final captions with a translation that are new."""
        captions, buffer = (Caption * 32)(), c.create_string_buffer(65536)
        told = arrays(Captions(type=CAPTIONS + 3), caption=captions, buffer=buffer)
        call(self.instance, "xrGetCaptionsPERCEPT", self.captions.value, CaptionsGet(type=CAPTIONS + 2, since=self.since), told)
        self.since = told.sequence
        final = [(string(buffer, x.text), string(buffer, x.translation)) for x in captions[:told.caption_count_output] if x.flags & 1]
        assert all(x.begin_time > 0 and x.begin_time <= x.end_time for x in captions[:told.caption_count_output])
        return {pair for pair in final if pair[1]}


def main():
    app, texts, captions, end = App(), set(), set(), time.monotonic() + PATIENCE

    def all_seen():  # which of the captions is the first depends on when this app came
        return ("PARKING", "ESTACIONAMENTO") in texts and any("Dashwood" in text for text, _ in captions)

    while not all_seen() and time.monotonic() < end:
        time.sleep(0.02)
        texts |= app.texts()
        captions |= app.finals()
    xr.destroy_instance(app.instance)
    print(f"{len(texts)} texts, {len(captions)} captions")
    return 0 if all_seen() else 1


sys.exit(main())
