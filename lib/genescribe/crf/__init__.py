"""Linear and semi-Markov CRF heads: the modules people import."""

from genescribe.crf.censored import censored
from genescribe.crf.config import SemiCRFConfig
from genescribe.crf.head import SemiCRF
from genescribe.crf.statistics import RunStatistics
from genescribe.kernels.potentials import Potentials, Segmentation

__all__ = ["Potentials", "RunStatistics", "Segmentation", "SemiCRF", "SemiCRFConfig", "censored"]
