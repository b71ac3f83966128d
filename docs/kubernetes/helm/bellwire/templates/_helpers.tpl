{{- define "bellwire.selector" -}}
app.kubernetes.io/name: bellwire
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "bellwire.edge" -}}
{{ include "bellwire.selector" . }}
app.kubernetes.io/component: edge
{{- end }}

{{- define "bellwire.labels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "bellwire.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "bellwire.pod-security" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "bellwire.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}

{{- /* variables that name the files of a secret: takes the map of settings and keys */}}
{{- define "bellwire.files" -}}
{{- range $setting, $key := . }}
- name: {{ $setting }}_FILE
  value: /run/secrets/bellwire/{{ $key }}
{{- end }}
{{- end }}

{{- define "bellwire.placement" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
