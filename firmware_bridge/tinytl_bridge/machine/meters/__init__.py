# SPDX-License-Identifier: Apache-2.0
"""Meters of power: what a machine measures of itself, or a file of a meter beside it. `find_meters` lists them; `trace` integrates."""

from tinytl_bridge.machine.meters.base import Meter, Watts
from tinytl_bridge.machine.meters.energy import MeasuredEnergy, energy_of_run
from tinytl_bridge.machine.meters.finding import find_meters
from tinytl_bridge.machine.meters.meter_csv import read_meter_csv
from tinytl_bridge.machine.meters.recorder import MeterRecorder
from tinytl_bridge.machine.meters.trace import PowerTrace

__all__ = ["MeasuredEnergy", "Meter", "MeterRecorder", "PowerTrace", "Watts", "energy_of_run", "find_meters", "read_meter_csv"]
