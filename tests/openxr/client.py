"""An OpenXR app in Python that knows nothing of Percept: sees both hands of the demo, or fails after a while.

pyopenxr's locate_hand_joints_ext offers room for no joint, so the function is called by its pointer.
"""
import math
import sys
import time
from ctypes import byref, cast

import xr
from xr.platform.linux import KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME, convert_timespec_time_to_time_khr, timespec

SEEN, PATIENCE = 5, 400.0


def distance(a, b):
    return math.dist((a.pose.position.x, a.pose.position.y, a.pose.position.z), (b.pose.position.x, b.pose.position.y, b.pose.position.z))


def check(joints):
    """What is true of any hand: its size, its radii, that its rotations are rotations."""
    wrist, tip = joints[xr.HandJointEXT.WRIST.value], joints[xr.HandJointEXT.MIDDLE_TIP.value]
    knuckle = joints[xr.HandJointEXT.MIDDLE_PROXIMAL.value]
    assert 0.05 < distance(wrist, knuckle) < 0.15 and distance(wrist, tip) < 0.3, (distance(wrist, knuckle), distance(wrist, tip))
    assert -3 < wrist.pose.position.z < -0.05, wrist.pose.position.z  # before the camera
    for joint in joints:
        q = joint.pose.orientation
        assert abs(q.x**2 + q.y**2 + q.z**2 + q.w**2 - 1) < 1e-3 and 0.002 < joint.radius < 0.05


def main():
    instance = xr.create_instance(xr.InstanceCreateInfo(
        enabled_api_layer_names=["XR_APILAYER_PERCEPT_perception"],
        enabled_extension_names=[xr.MND_HEADLESS_EXTENSION_NAME, xr.EXT_HAND_TRACKING_EXTENSION_NAME, KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME]))
    system = xr.get_system(instance, xr.SystemGetInfo(form_factor=xr.FormFactor.HEAD_MOUNTED_DISPLAY))
    session = xr.create_session(instance, xr.SessionCreateInfo(system_id=system))
    space = xr.create_reference_space(session, xr.ReferenceSpaceCreateInfo(reference_space_type=xr.ReferenceSpaceType.LOCAL))
    trackers = [xr.create_hand_tracker_ext(session, xr.HandTrackerCreateInfoEXT(hand=hand)) for hand in (xr.HandEXT.LEFT, xr.HandEXT.RIGHT)]
    locate = cast(xr.get_instance_proc_addr(instance, "xrLocateHandJointsEXT"), xr.PFN_xrLocateHandJointsEXT)
    seen, end = 0, time.monotonic() + PATIENCE
    while seen < SEEN and time.monotonic() < end:
        time.sleep(0.01)
        ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        now = convert_timespec_time_to_time_khr(instance, timespec(ns // 10**9, ns % 10**9))
        for tracker in trackers:
            joints = (xr.HandJointLocationEXT * xr.HAND_JOINT_COUNT_EXT)()
            locations = xr.HandJointLocationsEXT(joint_locations=joints)
            result = locate(tracker, byref(xr.HandJointsLocateInfoEXT(base_space=space, time=now)), byref(locations))
            assert result == 0, result
            if locations.is_active:
                check(locations.joint_locations)
                seen += 1
    xr.destroy_instance(instance)
    print(f"{seen} hands seen")
    return 0 if seen >= SEEN else 1


sys.exit(main())
